/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A volume follows its disk that grew: table and partition, then the mapping, then the filesystem, each
 * as far as it can now. All of it is looked at every time, so that a repeated call goes on where one was
 * cut off.
 */

#include "error.h"
#include "key.h"
#include "survey.h"

#include <stdbool.h>
#include <stdint.h>

/* Why what lies in the partition could not follow at once; the driver's next mount does it. */
enum grow_pending {
	GROW_PENDING_NOTHING,
	GROW_PENDING_MOUNT, /* not mounted: only then can a filesystem grow */
	GROW_PENDING_KEY,   /* open, and to grow the mapping takes the key */
};

struct grown {
	uint64_t partition_before, partition_after;   /* bytes */
	uint64_t filesystem_before, filesystem_after; /* as statvfs() counts; 0: not mounted */
	enum grow_pending pending;
	bool touched; /* something may have been written */
};

/*
 * survey is of which_volume(). key may be NULL. Errors before anything was written (ret->touched is
 * false): -EPERM: the key opens no keyslot, or the volume's state forbids it; -EUCLEAN: the disk
 * shrank; -EINVAL: a key for a plain volume.
 */
int grow_volume(const struct survey *survey, const struct sd_key *key, struct grown *ret,
        struct sd_error *err);
