/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Erasing one volume, and making it ready for the next tenant. In two parts, so that a person can be
 * asked between them: the plan changes nothing. Both can run in a child process. What is half done is
 * in the disk's note, so the same command goes on whenever it was stopped.
 */

#include "content.h"
#include "disk.h"
#include "error.h"
#include "id.h"
#include "note.h"
#include "nvme.h"
#include "progress.h"
#include "volume.h"

#include <stdbool.h>

enum erase_method {
	ERASE_AUTO,    /* what was begun; else crypto for LUKS2, else zero */
	ERASE_CRYPTO,  /* overwrite the LUKS2 header, and with it the only key */
	ERASE_ZERO,    /* overwrite everything */
	ERASE_DISCARD, /* tell the disk to forget everything, and see that it did */
	ERASE_NVME,    /* Format NVM; never chosen by itself */
};
#define ERASE_METHODS "crypto, zero, discard or nvme-format"

enum erase_encryption { ERASE_AS_BEFORE, ERASE_PLAIN, ERASE_LUKS2 };

/* What was asked for. */
struct erase {
	enum erase_method method;
	enum erase_encryption encryption;
	struct recipe recipe; /* filesystem "": as before */
	bool kdf_is_given;
	bool no_prepare; /* leave it erased, in state preparing */
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
	struct sd_note note;          /* as it is written when the work begins, or goes on */
	uint64_t from;                /* bytes that an earlier run has done by this method */
	struct sd_nvme_format format; /* ERASE_NVME */
};

const char *erase_method_name(enum erase_method method);
/* ERASE_AUTO when there is no method of that name that may be asked for. */
enum erase_method erase_method_by_name(const char *name);

/*
 * Decides before anything is touched: what it was is made again unless the request says otherwise,
 * and what can neither be told nor was said is an error. An erase that was begun goes on by its method,
 * from its last checkpoint; by another method, or after a failure, it starts over. -ENOENT: no volume
 * there; -EBUSY: in use; -EINVAL: the request does not fit the volume, or must say more; -ENOKEY: it was
 * encrypted, and no key for the next tenant is given; -EOPNOTSUPP: the disk cannot be erased that way.
 */
int erase_make_plan(const struct erase *erase, const struct sd_disk *disk, struct erase_plan *ret,
        struct sd_error *err);

/*
 * Carries it out. -ESTALE: the volume is not as planned any more. When ret->touched is true it is in
 * state erasing or preparing (repeat to go on; -ECANCELED: it was told to stop), or failed when the
 * medium was at fault, and the erase record has a line.
 */
int erase_run(const struct erase_plan *plan, const struct events *events, struct outcome *ret,
        struct sd_error *err);
