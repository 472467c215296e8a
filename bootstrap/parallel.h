/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the commands that change disks have in common: the disks are checked, the person is asked, all
 * disks are worked on at once, and what comes of each is printed.
 */

#include "batch.h"
#include "commands.h"
#include "disk.h"
#include "error.h"
#include "job.h"

#include <stdbool.h>
#include <stddef.h>

struct parallel_arguments {
	bool yes;
	const char *jobs;
};

/* clang-format off */
#define PARALLEL_OPTIONS                        \
	{ "yes", no_argument, NULL, 'y' },      \
	{ "jobs", required_argument, NULL, 'j' }
/* clang-format on */

#define PARALLEL_HELP                                                    \
	"  --jobs N             disks worked on at once; default: all\n" \
	"  --yes                do not ask\n"

/* Takes one option from the table above; false: it is none of them. */
bool parallel_option(struct parallel_arguments *arguments, int c, const char *value);

struct parallel {
	const struct tool *tool;
	const struct parallel_arguments *arguments;
	const char *question; /* "These disks will be formatted:" */
	/* Whether the disk may be worked on, asked before any is touched. */
	int (*check)(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err);
	struct job_work work; /* its data is given to all three functions */
	/* Prints what came of it, in the parent. */
	int (*report)(void *data, const struct sd_disk *disk, size_t i,
	        const struct outcome *outcome, struct sd_error *err);
};

/*
 * Does all this for the disks that the words name. A disk's error is reported as it happens, and the
 * others go on. Returns an exit code: of several disks TOOL_FAILED if any failed.
 */
int parallel_run(const struct command *self, const struct parallel *parallel, char **words,
        size_t n, struct sd_error *err);

/* The last part alone, for disks that were chosen, checked and shown in another way. */
int parallel_work(const struct command *self, const struct parallel *parallel,
        const struct batch *batch, struct sd_error *err);
