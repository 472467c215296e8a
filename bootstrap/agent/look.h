/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the agent keeps of a look at a disk. It is made in a child, and is plain data. */

#include "children.h"
#include "disk.h"
#include "fingerprint.h"
#include "survey.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_view {
	struct sd_disk disk;
	struct fingerprint seen; /* taken before the look; size 0: it could not be */
	enum survey_kind kind;
	char note[400]; /* why, in plain words */
	/* Of a volume only: */
	enum sd_state state;
	char id[SD_ID_SIZE];
	uint64_t size; /* of the partition, bytes */
	bool grew;     /* the disk is larger than its table */
	bool is_empty; /* its partition: as one in block mode is made */
	bool luks;
	bool is_erased; /* in state preparing: what was there is erased, and not made again yet */
	char filesystem[16]; /* "": inside LUKS, or none */
};

/* The word for it: a volume's state, or blank, damaged, foreign, unknown. */
const char *look_state(const struct disk_view *view);

/* The work of the child; the view is in outcome.found. */
int look_run(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err);

/* Takes the view out of the child's result; what could not be told is SURVEY_UNKNOWN. */
void look_take(const struct sd_disk *disk, const struct job_message *result, struct disk_view *ret);
