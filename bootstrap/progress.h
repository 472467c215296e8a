/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What long work tells while it runs, and how a person or a program gets to see it. */

#include "commands.h"

#include <stdbool.h>
#include <stdint.h>

/* What a job on one disk calls; data is the listener's. Either may be called from a child process. */
struct events {
	void (*step)(void *data, const char *step);
	void (*amount)(void *data, uint64_t done, uint64_t total); /* bytes, of the step */
	void *data;
};

/* The listener of the commands: a line that is rewritten on a terminal, a line of JSON an event. */
struct progress {
	const struct tool *tool;
	const char *disk;
	bool terminal;
	char step[64];
	uint64_t began, shown; /* ns of the monotonic clock */
	unsigned width;        /* of what stands on the terminal's line now */
};

/* Starts listening for one disk; the result is given to the job. progress must outlive it. */
struct events progress_begin(struct progress *progress, const struct tool *tool, const char *disk);

/* Clears the line. */
void progress_end(struct progress *progress);
