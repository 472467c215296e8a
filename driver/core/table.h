/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Writes a volume's GPT: the only user of libfdisk. Reading is gpt.[ch]'s. */

#include "error.h"
#include "id.h"

#include <stdint.h>

/* All that a volume's table says. */
struct sd_table {
	const char *disk_guid;
	const char *id;       /* the partition's GUID */
	const char *name;     /* the partition's name */
	unsigned number;      /* 1-based */
	uint64_t start, size; /* bytes */
};

/*
 * Writes the whole table anew, always all of it and in the order backup entries, backup header,
 * primary entries, primary header, protective MBR, each flushed: whatever is cut off in between, one
 * valid copy is left, and each repair is this same write. fd is open for reading and writing and
 * stays open; path is for error texts. No global sync(), no re-reading by the kernel.
 * libfdisk ignores what its fsync() calls say: after 0 too, read the disk back.
 */
int sd_table_write(int fd, const char *path, unsigned sector_size, const struct sd_table *table,
        struct sd_error *err);
