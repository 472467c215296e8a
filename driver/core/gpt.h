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

/* The type of a volume's partition: "solodisk's". */
#define SD_PARTITION_TYPE "c2b0e314-76ad-4578-a8b0-a0c361a991d7"

#define SD_GPT_NAME_SIZE 37 /* 36 UTF-16 code units; ours are ASCII, others become '?' */

enum sd_gpt_validity {
	SD_GPT_ABSENT, /* no signature at the place */
	SD_GPT_TORN,   /* a signature, but a wrong checksum or impossible numbers */
	SD_GPT_VALID,
};

struct sd_gpt_copy {
	enum sd_gpt_validity validity;
	bool beyond_end; /* TORN, and only since the disk is smaller than the table says */
	/* From the header; all zero unless its checksum is right: */
	char disk_guid[SD_ID_SIZE];
	uint64_t own_lba, other_lba; /* where this header and the other copy's lie */
	uint64_t first_usable, last_usable;
	uint64_t entries_lba;
	uint32_t n_entries, entry_size;
	uint32_t entries_crc;
	/* From the entries. Of a torn copy they are a hint: to whom the disk may belong. */
	unsigned n_used; /* entries in use */
	unsigned n_ours; /* of them, of solodisk's type */
	/* The first used entry of solodisk's type, else the first used one: */
	unsigned number; /* 1-based partition number */
	char type[SD_ID_SIZE], id[SD_ID_SIZE];
	char name[SD_GPT_NAME_SIZE];
	uint64_t first_lba, last_lba;
};

struct sd_gpt {
	unsigned sector_size;
	uint64_t sectors; /* of the disk as it is now */
	bool protective_mbr;
	bool mbr_blank; /* the first sector is all zeros */
	struct sd_gpt_copy primary, backup;
};

/*
 * Reads the tables of a disk (or an image) of size bytes with O_DIRECT-able, aligned reads. The
 * backup is looked for where the primary says, else in the last sector. Returns 0 whatever is found,
 * a negative errno when the disk could not be read (never a guess).
 */
int sd_gpt_read(
        int fd, uint64_t size, unsigned sector_size, struct sd_gpt *ret, struct sd_error *err);

/*
 * The same on bytes in memory: for tests and the fuzzer. lba is where the sector was read, sectors
 * the size of the disk. VALID here means the header alone.
 */
void sd_gpt_parse_header(const unsigned char *sector, unsigned sector_size, uint64_t lba,
        uint64_t sectors, struct sd_gpt_copy *ret);

/*
 * Reads the entries that belong to a parsed header: bytes holds n_entries of entry_size each. A
 * VALID copy becomes TORN when their checksum is another than the header's.
 */
void sd_gpt_parse_entries(const unsigned char *bytes, struct sd_gpt_copy *copy);

/* The CRC-32 of the GPT (as zlib's). */
uint32_t sd_gpt_crc32(const void *bytes, size_t len);

/* Whether the two copies say the same. */
bool sd_gpt_agrees(const struct sd_gpt *gpt);
