/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reads both copies of a GPT, and only reads: libraries hide which of the two copies they took, but
 * after a crash that is what has to be known (docs/design.md, "On the disk"). Writing is libfdisk's.
 */

#include "error.h"
#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SD_GPT_NAME_SIZE 73 /* 36 UTF-16 code units; ours are ASCII, others become '?' */

enum sd_gpt_validity {
	SD_GPT_ABSENT, /* no signature at the place */
	SD_GPT_TORN,   /* a signature, but a wrong checksum or impossible numbers */
	SD_GPT_VALID,
};

struct sd_gpt_copy {
	enum sd_gpt_validity validity;
	char disk_guid[SD_ID_SIZE];
	uint64_t own_lba, other_lba; /* where this header and the other copy's lie */
	uint64_t first_usable, last_usable;
	uint32_t entries_crc;
	unsigned n_used; /* entries in use */
	/* The first used entry: */
	unsigned number; /* 1-based partition number */
	char type[SD_ID_SIZE], id[SD_ID_SIZE];
	char name[SD_GPT_NAME_SIZE];
	uint64_t first_lba, last_lba;
};

struct sd_gpt {
	unsigned sector_size;
	uint64_t sectors; /* of the disk as it is now */
	bool protective_mbr;
	struct sd_gpt_copy primary, backup;
};

/*
 * Reads the tables of a disk (or an image) of size bytes with O_DIRECT-able, aligned reads. The
 * backup is looked for where the primary says, else in the last sector. Returns 0 whatever is found,
 * a negative errno when the disk could not be read (never a guess).
 */
int sd_gpt_read(
        int fd, uint64_t size, unsigned sector_size, struct sd_gpt *ret, struct sd_error *err);

/* The same on bytes in memory: for tests and the fuzzer. */
void sd_gpt_parse_header(const unsigned char *sector, unsigned sector_size, uint64_t lba,
        uint64_t sectors, struct sd_gpt_copy *ret);

/* Whether the two copies say the same. */
bool sd_gpt_agrees(const struct sd_gpt *gpt);
