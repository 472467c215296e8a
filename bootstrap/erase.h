/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Erasing one volume, and making it ready for the next tenant. In two parts, so that a person can be
 * asked between them: the plan changes nothing. Both can run in a child process.
 */

#include "content.h"
#include "disk.h"
#include "error.h"
#include "id.h"
#include "progress.h"
#include "volume.h"

#include <stdbool.h>

enum erase_method {
	ERASE_AUTO,    /* crypto for LUKS2, else zero */
	ERASE_CRYPTO,  /* overwrite the LUKS2 header, and with it the only key */
	ERASE_ZERO,    /* overwrite everything */
	ERASE_DISCARD, /* tell the disk to forget everything, and see that it did */
};

enum erase_encryption { ERASE_AS_BEFORE, ERASE_PLAIN, ERASE_LUKS2 };

/* What was asked for. */
struct erase {
	enum erase_method method;
	enum erase_encryption encryption;
	struct recipe recipe; /* filesystem "": as before */
	bool no_prepare;      /* leave it erased, in state preparing */
	const struct events *events;
};

/* What will be done. */
struct erase_plan {
	struct sd_disk disk;
	char id[SD_ID_SIZE];
	enum sd_state state;
	enum erase_method method;
	struct recipe recipe;
	bool no_prepare;
};

struct erase_outcome {
	char id[SD_ID_SIZE]; /* the new one */
	bool touched;
};

const char *erase_method_name(enum erase_method method);

/*
 * Decides before anything is touched: what it was is made again unless the request says otherwise,
 * and what can neither be told nor was said is an error. -ENOENT: no volume there; -EBUSY: in use;
 * -EINVAL: the request does not fit the volume, or must say more; -ENOKEY: it was encrypted, and no
 * key for the next tenant is given.
 */
int erase_make_plan(const struct erase *erase, const struct sd_disk *disk, struct erase_plan *ret,
        struct sd_error *err);

/*
 * Carries it out. -ESTALE: the volume is not as planned any more. When ret->touched is true it is in
 * state erasing or preparing (repeat to go on), or failed when the medium was at fault.
 */
int erase_run(const struct erase_plan *plan, const struct events *events, struct erase_outcome *ret,
        struct sd_error *err);
