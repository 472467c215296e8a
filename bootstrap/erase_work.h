/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The part of erase_run() that does it: from state erasing to a partition that holds nothing. */

#include "claim.h"
#include "erase.h"

struct erase_work {
	const struct erase_plan *plan;
	const struct events *events;
	struct claim claim;
	int note_fd; /* of the whole disk, writable: closed while its flock is held, for udevd's sake */
	struct sd_note note;
	struct sd_error note_error; /* why the note could not be written: the disk is not well */
	const char *step;
	/* For the record: */
	uint64_t bytes;          /* dealt with */
	uint64_t verified;       /* read back */
	const char *verified_as; /* how they read */
};

/* What is being done, for whoever watches, and for the reason of a failure. */
void erase_step(struct erase_work *work, const char *name);

/* Writes the note. That it cannot be is kept for later: first the data goes, then the disk is judged. */
void erase_note(struct erase_work *work);

/*
 * Erases by the plan's method, checks that it is, and holds the claim again. The long part is done
 * without the disk's flock: udevd gives up on a disk that is locked for more than three minutes.
 * O_EXCL on the partition keeps everybody out meanwhile.
 */
int erase_clean(struct erase_work *work, struct sd_error *err);
