/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The one partition of a table that is sound otherwise: its name (the state), GUID, place and attributes
 * are any bytes. The checksums are right, so that all of the input reaches the mark's own rules. What is
 * taken is a state whose name, made again, is just what lies there.
 */

#include "cleanup.h"
#include "gpt.h"
#include "volume.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (64ull << 20)
#define SECTOR 512
#define SECTORS (SIZE / SECTOR)
#define ENTRIES (128 * 128)
#define NAME_AT 56 /* in an entry: UTF-16LE, 36 units */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void put(unsigned char *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static void make_header(unsigned char *header, const unsigned char *entries, uint64_t own,
        uint64_t other, uint64_t entries_at)
{
	static const unsigned char guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
		16 };

	memcpy(header, "EFI PART", 8);
	put(header + 8, 0x10000, 4);
	put(header + 12, 92, 4);
	put(header + 24, own, 8);
	put(header + 32, other, 8);
	put(header + 40, 34, 8);
	put(header + 48, SECTORS - 34, 8);
	memcpy(header + 56, guid, sizeof(guid));
	put(header + 72, entries_at, 8);
	put(header + 80, 128, 4);
	put(header + 84, 128, 4);
	put(header + 88, sd_gpt_crc32(entries, ENTRIES), 4);
	put(header + 16, sd_gpt_crc32(header, 92), 4);
}

/* As prepare makes it; then the input over type, GUID, first and last sector, attributes and name. */
static void make_entry(unsigned char *entry, const uint8_t *data, size_t len)
{
	/* c2b0e314-76ad-4578-a8b0-a0c361a991d7, its first three parts little-endian */
	static const unsigned char type[16] = { 0x14, 0xe3, 0xb0, 0xc2, 0xad, 0x76, 0x78, 0x45,
		0xa8, 0xb0, 0xa0, 0xc3, 0x61, 0xa9, 0x91, 0xd7 };

	memcpy(entry, type, sizeof(type));
	put(entry + 32, 2048, 8);
	put(entry + 40, SECTORS - 2048 - 1, 8);
	if (len > 16)
		memcpy(entry + 16, data, 16);
	if (len > 16 && (data[15] & 1)) { /* the place too */
		memcpy(entry + 32, data + 16, len - 16 < 96 ? len - 16 : 96);
		return;
	}
	for (size_t i = 16; i < len && i < 16 + 72; i++)
		entry[NAME_AT + i - 16] = data[i];
}

static void check(const struct sd_mark *mark, const unsigned char *entry)
{
	char want[64];
	size_t n;

	require(sd_id_is_valid(mark->id));
	require(mark->start >= 1 << 20 && mark->size > 0 &&
	        mark->start + mark->size + (1 << 20) <= SIZE);
	(void)snprintf(
	        want, sizeof(want), "solodisk-%s-%.8s", sd_state_name(mark->state), mark->id);
	n = strlen(want);
	for (size_t i = 0; i < n; i++)
		require(entry[NAME_AT + 2 * i] == (unsigned char)want[i] &&
		        entry[NAME_AT + 2 * i + 1] == 0);
	require(n == 36 || (entry[NAME_AT + 2 * n] == 0 && entry[NAME_AT + 2 * n + 1] == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static unsigned char start[34 * SECTOR], end[33 * SECTOR];
	struct sd_disk disk = {
		.name = "fuzz", .node = "/fuzz", .size = SIZE, .sector_size = SECTOR
	};
	struct sd_error err = SD_ERROR_INIT;
	_cleanup_close_ int fd = -1;
	struct sd_mark mark;

	memset(start, 0, sizeof(start));
	memset(end, 0, sizeof(end));
	make_entry(start + 2 * SECTOR, data, len);
	memcpy(end, start + 2 * SECTOR, ENTRIES);
	make_header(start + SECTOR, end, 1, SECTORS - 1, 2);
	make_header(end + ENTRIES, end, SECTORS - 1, 1, SECTORS - 33);
	start[450] = 0xee; /* the protective MBR */
	put(start + 454, 1, 4);
	put(start + 458, SECTORS - 1, 4);
	start[510] = 0x55;
	start[511] = 0xaa;
	fd = memfd_create("disk", MFD_CLOEXEC);
	require(fd >= 0 && ftruncate(fd, (off_t)SIZE) == 0);
	require(pwrite(fd, start, sizeof(start), 0) == (ssize_t)sizeof(start));
	require(pwrite(fd, end, sizeof(end), (off_t)(SIZE - sizeof(end))) == (ssize_t)sizeof(end));
	if (sd_volume_read_mark(fd, &disk, &mark, &err) == 0)
		check(&mark, end);
	else
		require(err.code != 0 && err.text[0] != '\0');
	return 0;
}
