/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What long work tells while it runs, and how a person or a program gets to see it: on a terminal a line
 * a disk that is rewritten in place, with --json a line of JSON an event, else a line a step.
 */

#include "commands.h"
#include "disk.h"
#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a job on one disk calls; data is the listener's. */
struct events {
	void (*step)(void *data, const char *step);
	void (*amount)(void *data, uint64_t done, uint64_t total); /* bytes, of the step */
	void *data;
};

#define PROGRESS_STEP 64 /* bytes of a step's name */
#define OUTCOME_FOUND 3072

/* What a job on one disk has come to; plain data, since it comes from another process. */
struct outcome {
	char id[SD_ID_SIZE]; /* of the volume that was made */
	bool touched;        /* something was written */
	bool done_before;    /* there was nothing to do */
	char warning[512];   /* what else went wrong though the work is done; "": nothing */
	/* What a mere look has found: the looker's own plain struct. */
	_Alignas(8) unsigned char found[OUTCOME_FOUND];
};

struct progress;

/* disks must outlive it. */
int progress_new(const struct tool *tool, const struct sd_disk *disks, size_t n,
        struct progress **ret, struct sd_error *err);
void progress_free(struct progress **progress);
#define _cleanup_progress_ __attribute__((cleanup(progress_free)))

/* The disk is at this step; total 0: no amount is known. */
void progress_tell(
        struct progress *progress, size_t i, const char *step, uint64_t done, uint64_t total);

/* The disk's work is over. */
void progress_end(struct progress *progress, size_t i);

/* Takes the lines away, so that something else can be printed; they come again below it. */
void progress_hide(struct progress *progress);

/* Draws what has changed, if there is a terminal; to be called a few times a second. */
void progress_draw(struct progress *progress);
bool progress_is_drawn(const struct progress *progress);
