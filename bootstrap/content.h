/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is made inside a volume: LUKS2, the filesystem, and the state that says so. The only place
 * that runs luksFormat or mkfs; prepare and erase come here, nothing else.
 */

#include "crypt.h"
#include "error.h"
#include "key.h"
#include "progress.h"
#include "volume.h"

#include <stdbool.h>

/*
 * A recipe's filesystem of a volume for Block mode: nothing is made, the partition itself is what the
 * tenant gets. So all of it has to be zeros first, unless it was erased right before.
 */
#define CONTENT_NONE "none"

struct recipe {
	char filesystem[16];
	bool is_erased;           /* what was there is gone, by the erase that this ends */
	const struct sd_key *key; /* NULL: plain; else LUKS2 */
	enum sd_kdf kdf;
};

/* Whether the word is a filesystem that can be made, or none. */
bool content_is_known(const char *filesystem);
bool content_is_none(const struct recipe *recipe);

/* Whether there is nothing that a program would know on the device. -EUCLEAN: there is, err says what. */
int content_check_none(const char *node, struct sd_error *err);

/*
 * Whether the disk is large enough: better known before the first write than as mkfs' failure behind
 * it. -EPERM: it is not.
 */
int content_check_size(
        const struct recipe *recipe, const struct sd_disk *disk, struct sd_error *err);

/*
 * A volume in state preparing, held with both locks and used by nobody, gets its content and becomes
 * ready. When a step fails because of the disk it becomes failed; otherwise it stays in preparing.
 * events may be NULL.
 */
int content_make(struct sd_volume *volume, const struct recipe *recipe, const struct events *events,
        struct sd_error *err);

/* Whether a step failed because of the disk itself, so that an operator must look at it. */
bool content_is_medium_error(int code);

/* Marks the volume failed and says why in the log. For a medium error alone. */
void content_mark_failed(struct sd_volume *volume, const struct sd_error *why);
