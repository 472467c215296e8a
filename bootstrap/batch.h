/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Several disks in one command: none is touched unless all may be. */

#include "commands.h"
#include "disk.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct batch {
	const struct tool *tool;
	struct sd_disk *disks;
	size_t n;
};
#define _cleanup_batch_ __attribute__((cleanup(batch_free)))

/*
 * Finds the disks that the words name, no two of them the same, and calls check for each; every error
 * is reported. Returns TOOL_OK when all are well, else the first one's exit code. Free with
 * batch_free().
 */
int batch_open(struct batch *batch, const struct tool *tool, char **words, size_t n,
        int (*check)(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err),
        void *data);
void batch_free(struct batch *batch);

/* {"event": event, "disk": ..., "wwid": ...}, to be filled up and printed. NULL without memory. */
sd_json *batch_event(const char *event, const struct sd_disk *disk);
