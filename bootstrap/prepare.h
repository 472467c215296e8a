/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Preparing one disk: from blank to a volume in state ready. The only place that takes a disk which
 * was not ours. Everything it needs is in its arguments, so that it can run in a child process.
 */

#include "content.h"
#include "disk.h"
#include "error.h"
#include "fingerprint.h"
#include "id.h"
#include "progress.h"

#include <stdbool.h>

struct prepare {
	struct recipe recipe;
	/* The disk need not be blank; the person who said so has named its WWID. */
	bool force;
	/* The disk as it was shown, or planned: another one, or a changed one, is refused. NULL: any. */
	const struct fingerprint *seen;
	const struct events *events;
};

enum prepare_todo {
	PREPARE_FRESH,    /* a blank disk */
	PREPARE_CONTINUE, /* preparing was interrupted: it is made again, under a new ID */
	PREPARE_NOTHING, /* it is ready already; whether as the recipe says, prepare_disk() tells */
	PREPARE_FORCED,  /* not blank, and force given */
};

/*
 * Whether the disk may be prepared, under its flock, without changing anything. Errors as those of
 * sd_disk_check_free(); -EEXIST also for a volume that must be erased, not prepared; -ESTALE: the disk is
 * not as it was seen.
 */
int prepare_check(const struct prepare *prepare, const struct sd_disk *disk, enum prepare_todo *ret,
        struct sd_error *err);

/*
 * Checks again, and prepares it. ret->touched is true from the first write on, also when it fails: the
 * disk then is in state preparing (repeat to go on), or failed when the medium was at fault.
 */
int prepare_disk(const struct prepare *prepare, const struct sd_disk *disk, struct outcome *ret,
        struct sd_error *err);
