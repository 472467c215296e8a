/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as a disk's tables. The input is laid out as the first 40 sectors and the last 40 of a disk
 * of 64 MiB (its first byte: which sector size, and whether the checksums are made right, so that the
 * fuzzer gets past them). Whatever lies there, reading neither crashes nor accepts the impossible.
 */

#include "cleanup.h"
#include "gpt.h"
#include "volume.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (64ull << 20)
#define EDGE_SECTORS 40
#define CRC_AT 16
#define ENTRIES_CRC_AT 88

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

/* Makes the checksums of one header right: that of the entries where they usually lie, and its own. */
static void sign(unsigned char *header, const unsigned char *entries)
{
	put32(header + ENTRIES_CRC_AT, sd_gpt_crc32(entries, 128 * 128));
	put32(header + CRC_AT, 0);
	put32(header + CRC_AT, sd_gpt_crc32(header, 92));
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_copy(const struct sd_gpt_copy *copy, uint64_t sectors)
{
	require(strlen(copy->name) < sizeof(copy->name) && copy->n_ours <= copy->n_used);
	if (copy->validity != SD_GPT_VALID)
		return;
	require(copy->first_usable <= copy->last_usable && copy->last_usable < sectors);
	require(copy->own_lba < sectors && copy->other_lba < sectors);
	require(copy->n_used <= copy->n_entries);
}

static void check_mark(const struct sd_mark *mark)
{
	require(sd_id_is_valid(mark->id) && mark->number > 0);
	require(mark->start >= 1 << 20 && mark->start % (1 << 20) == 0 && mark->size > 0);
	require(mark->start + mark->size > mark->start &&
	        mark->start + mark->size + (1 << 20) <= SIZE);
}

static void check_disk(int fd, unsigned sector_size)
{
	struct sd_disk disk = {
		.name = "fuzz", .node = "/fuzz", .size = SIZE, .sector_size = sector_size
	};
	struct sd_error err = SD_ERROR_INIT;
	struct sd_mark mark;
	struct sd_gpt gpt;

	require(sd_gpt_read(fd, SIZE, sector_size, &gpt, &err) == 0);
	check_copy(&gpt.primary, gpt.sectors);
	check_copy(&gpt.backup, gpt.sectors);
	(void)sd_gpt_agrees(&gpt);
	if (sd_volume_read_mark(fd, &disk, &mark, &err) == 0)
		check_mark(&mark);
	else
		require(err.code != 0 && err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static unsigned char edges[2][EDGE_SECTORS * 4096];
	_cleanup_close_ int fd = -1;
	unsigned sector_size;
	size_t edge;

	if (len < 1)
		return 0;
	sector_size = data[0] & 1 ? 4096 : 512;
	edge = (size_t)EDGE_SECTORS * sector_size;
	memset(edges, 0, sizeof(edges));
	for (size_t i = 1; i < len && i <= 2 * edge; i++)
		edges[(i - 1) / edge][(i - 1) % edge] = data[i];
	if (data[0] & 2)
		sign(edges[0] + sector_size, edges[0] + 2 * sector_size);
	if (data[0] & 4)
		sign(edges[1] + edge - sector_size, edges[1] + edge - sector_size - 128 * 128);
	fd = memfd_create("disk", MFD_CLOEXEC);
	require(fd >= 0 && ftruncate(fd, (off_t)SIZE) == 0);
	require(pwrite(fd, edges[0], edge, 0) == (ssize_t)edge);
	require(pwrite(fd, edges[1], edge, (off_t)(SIZE - edge)) == (ssize_t)edge);
	check_disk(fd, sector_size);
	return 0;
}
