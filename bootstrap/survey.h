/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One look at one disk: what lies on it, and in plain words what may be done with it. Changes
 * nothing, and works as far as it can without root.
 */

#include "crypt.h"
#include "disk.h"
#include "error.h"
#include "mounts.h"
#include "note.h"
#include "probe.h"
#include "volume.h"

#include <stdbool.h>

enum survey_kind {
	SURVEY_BLANK,   /* may be prepared */
	SURVEY_OURS,    /* a volume; mark is valid */
	SURVEY_DAMAGED, /* ours, but its table cannot be used */
	SURVEY_TAKEN,   /* belongs to somebody else, or is of a kind that is never touched */
	SURVEY_UNKNOWN, /* could not tell, which means: may not be touched */
};

struct survey {
	struct sd_disk disk;
	enum survey_kind kind;
	char note[1000]; /* why, in plain words */

	/* Of a volume only: */
	struct sd_mark mark;
	struct sd_note
	        half_done; /* of one that is erasing, preparing or failed; all empty: nothing noted */
	char partition[256]; /* its node; "": the kernel does not show it */
	dev_t devno;
	struct sd_content content; /* of the partition; type "": could not be told */
	bool is_empty; /* nothing is there that a program would know: in block mode, and not used yet */
	bool luks;
	int mapping_open; /* 1, 0, or a negative errno: could not be told, or not the right one */
	struct sd_mapping mapping;
	char mapping_note[400]; /* why not, if it is negative */
	char filesystem[32];    /* "": inside LUKS, or could not be told */
	struct sd_mount_list mounts;
};

/* The word of the STATE column: a volume's state, or blank, damaged, foreign, unknown. */
const char *survey_state(const struct survey *survey);

/* Loads what a survey needs, before many are made in children. What is missing, they will tell. */
void survey_preload(void);

/* Cannot fail: what could not be told is part of the answer. Free with survey_free(). */
void survey_disk(const struct sd_disk *disk, struct survey *ret);
void survey_free(struct survey *survey);
#define _cleanup_survey_ __attribute__((cleanup(survey_free)))
