/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gpt.h"
#include "blockdev.h"
#include "cleanup.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* UEFI 2.10, 5.3: the header, all little-endian; its size says how much of the sector counts. */
#define GPT_SIGNATURE "EFI PART"
#define GPT_HEADER_MIN 92
#define GPT_PRIMARY_LBA 1
#define GPT_REVISION_MAJOR 1
enum {
	GPT_AT_REVISION = 8,
	GPT_AT_SIZE = 12,
	GPT_AT_CRC = 16,
	GPT_AT_OWN_LBA = 24,
	GPT_AT_OTHER_LBA = 32,
	GPT_AT_FIRST_USABLE = 40,
	GPT_AT_LAST_USABLE = 48,
	GPT_AT_DISK_GUID = 56,
	GPT_AT_ENTRIES_LBA = 72,
	GPT_AT_N_ENTRIES = 80,
	GPT_AT_ENTRY_SIZE = 84,
	GPT_AT_ENTRIES_CRC = 88,
};
enum {
	GPT_ENTRY_AT_TYPE = 0,
	GPT_ENTRY_AT_ID = 16,
	GPT_ENTRY_AT_FIRST = 32,
	GPT_ENTRY_AT_LAST = 40,
	GPT_ENTRY_AT_NAME = 56,
	GPT_ENTRY_MIN = 128,
	GPT_ENTRY_MAX = 4096,
	GPT_ENTRY_NAME_UNITS = 36,
	GPT_MAX_ENTRIES = 1024,
	GPT_DEFAULT_ENTRIES = 128,
};

uint32_t sd_gpt_crc32(const void *bytes, size_t len)
{
	/* the remainders of four bits under the reflected polynomial 0xedb88320 */
	static const uint32_t remainders[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8,
		0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	const unsigned char *p = bytes;
	uint32_t crc = 0xffffffff;

	for (; len; len--, p++) {
		crc ^= *p;
		crc = crc >> 4 ^ remainders[crc & 15];
		crc = crc >> 4 ^ remainders[crc & 15];
	}
	return ~crc;
}

static uint32_t gpt_u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t gpt_u64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* A GUID's first three fields are little-endian on the disk (UEFI 2.10, appendix A). */
static void gpt_guid(const unsigned char *p, char ret[SD_ID_SIZE])
{
	(void)snprintf(ret, SD_ID_SIZE,
	        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", p[3], p[2],
	        p[1], p[0], p[5], p[4], p[7], p[6], p[8], p[9], p[10], p[11], p[12], p[13], p[14],
	        p[15]);
}

static bool gpt_is_zero(const unsigned char *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

static bool gpt_header_crc_ok(const unsigned char *sector, unsigned sector_size)
{
	static const unsigned char zero[4];
	uint32_t size = gpt_u32(sector + GPT_AT_SIZE);
	unsigned char copy[4096];

	if (size < GPT_HEADER_MIN || size > sector_size || size > sizeof(copy))
		return false;
	memcpy(copy, sector, size);
	memcpy(copy + GPT_AT_CRC, zero, sizeof(zero)); /* the field itself counts as zero */
	return sd_gpt_crc32(copy, size) == gpt_u32(sector + GPT_AT_CRC);
}

static uint64_t gpt_entries_sectors(const struct sd_gpt_copy *copy, unsigned sector_size)
{
	uint64_t bytes = (uint64_t)copy->n_entries * copy->entry_size;

	return (bytes + sector_size - 1) / sector_size;
}

/* Whether the entries can be read at all: a bounded number, of a size that the standard allows. */
static bool gpt_entries_are_sane(const struct sd_gpt_copy *copy)
{
	return copy->n_entries > 0 && copy->n_entries <= GPT_MAX_ENTRIES &&
	        copy->entry_size >= GPT_ENTRY_MIN && copy->entry_size <= GPT_ENTRY_MAX &&
	        (copy->entry_size & (copy->entry_size - 1)) == 0;
}

/* Whether the numbers fit each other: header and entries outside of what partitions may use. */
static bool gpt_numbers_fit(const struct sd_gpt_copy *copy, unsigned sector_size, uint64_t lba)
{
	uint64_t n, end;

	if (copy->own_lba != lba || copy->other_lba == lba || !gpt_entries_are_sane(copy) ||
	        copy->first_usable > copy->last_usable)
		return false;
	n = gpt_entries_sectors(copy, sector_size);
	if (__builtin_add_overflow(copy->entries_lba, n, &end))
		return false;
	if (lba == GPT_PRIMARY_LBA)
		return copy->entries_lba > lba && end <= copy->first_usable &&
		        copy->other_lba > copy->last_usable;
	return copy->other_lba == GPT_PRIMARY_LBA && copy->entries_lba > copy->last_usable &&
	        end <= lba;
}

void sd_gpt_parse_header(const unsigned char *sector, unsigned sector_size, uint64_t lba,
        uint64_t sectors, struct sd_gpt_copy *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (memcmp(sector, GPT_SIGNATURE, sizeof(GPT_SIGNATURE) - 1) != 0)
		return;
	ret->validity = SD_GPT_TORN;
	if (!gpt_header_crc_ok(sector, sector_size))
		return;
	gpt_guid(sector + GPT_AT_DISK_GUID, ret->disk_guid);
	ret->own_lba = gpt_u64(sector + GPT_AT_OWN_LBA);
	ret->other_lba = gpt_u64(sector + GPT_AT_OTHER_LBA);
	ret->first_usable = gpt_u64(sector + GPT_AT_FIRST_USABLE);
	ret->last_usable = gpt_u64(sector + GPT_AT_LAST_USABLE);
	ret->entries_lba = gpt_u64(sector + GPT_AT_ENTRIES_LBA);
	ret->n_entries = gpt_u32(sector + GPT_AT_N_ENTRIES);
	ret->entry_size = gpt_u32(sector + GPT_AT_ENTRY_SIZE);
	ret->entries_crc = gpt_u32(sector + GPT_AT_ENTRIES_CRC);
	if (gpt_u32(sector + GPT_AT_REVISION) >> 16 != GPT_REVISION_MAJOR ||
	        !gpt_numbers_fit(ret, sector_size, lba))
		return;
	if (ret->own_lba >= sectors || ret->other_lba >= sectors || ret->last_usable >= sectors) {
		ret->beyond_end = true;
		return;
	}
	ret->validity = SD_GPT_VALID;
}

static void gpt_entry_name(const unsigned char *p, char ret[SD_GPT_NAME_SIZE])
{
	size_t i;

	for (i = 0; i < GPT_ENTRY_NAME_UNITS; i++) {
		unsigned unit = p[2 * i] | (unsigned)p[2 * i + 1] << 8;

		if (!unit)
			break;
		ret[i] = unit >= 0x20 && unit < 0x7f ? (char)unit : '?';
	}
	ret[i] = '\0';
}

void sd_gpt_parse_entries(const unsigned char *bytes, struct sd_gpt_copy *copy)
{
	uint32_t i;

	for (i = 0; i < copy->n_entries; i++) {
		const unsigned char *entry = bytes + (size_t)i * copy->entry_size;
		char type[SD_ID_SIZE];
		bool ours;

		if (gpt_is_zero(entry + GPT_ENTRY_AT_TYPE, 16))
			continue;
		gpt_guid(entry + GPT_ENTRY_AT_TYPE, type);
		ours = !strcmp(type, SD_PARTITION_TYPE);
		copy->n_used++;
		copy->n_ours += ours;
		if (copy->n_used > 1 && !(ours && copy->n_ours == 1))
			continue;
		copy->number = i + 1;
		memcpy(copy->type, type, sizeof(type));
		gpt_guid(entry + GPT_ENTRY_AT_ID, copy->id);
		copy->first_lba = gpt_u64(entry + GPT_ENTRY_AT_FIRST);
		copy->last_lba = gpt_u64(entry + GPT_ENTRY_AT_LAST);
		gpt_entry_name(entry + GPT_ENTRY_AT_NAME, copy->name);
	}
	if (copy->validity == SD_GPT_VALID &&
	        sd_gpt_crc32(bytes, (size_t)copy->n_entries * copy->entry_size) !=
	                copy->entries_crc)
		copy->validity = SD_GPT_TORN;
}

/* One disk being read, and its sectors' place in memory (aligned, for O_DIRECT). */
struct gpt_reader {
	int fd;
	unsigned sector_size;
	uint64_t sectors;
	unsigned char *buf;
};

static int gpt_read_sectors(
        const struct gpt_reader *r, uint64_t lba, uint64_t n, struct sd_error *err)
{
	size_t want = (size_t)n * r->sector_size, have = 0;

	while (have < want) {
		ssize_t got = pread(
		        r->fd, r->buf + have, want - have, (off_t)(lba * r->sector_size + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sd_error_errno(err, sd_blockdev_errno(errno),
			        "cannot read sector %" PRIu64, lba + have / r->sector_size);
		if (got == 0)
			return sd_error_set(err, EIO,
			        "cannot read sector %" PRIu64 ": the disk ends before it",
			        lba + have / r->sector_size);
		have += (size_t)got;
	}
	return 0;
}

/* Reads one copy: the header at lba and what it points to. */
static int gpt_read_copy(
        const struct gpt_reader *r, uint64_t lba, struct sd_gpt_copy *ret, struct sd_error *err)
{
	uint64_t n;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = gpt_read_sectors(r, lba, 1, err);
	if (rc < 0)
		return rc;
	sd_gpt_parse_header(r->buf, r->sector_size, lba, r->sectors, ret);
	if (ret->validity == SD_GPT_ABSENT)
		return 0;
	if (!ret->own_lba && lba == GPT_PRIMARY_LBA) {
		/* the header is lost: where everyone puts the entries, for a hint whose they were */
		ret->entries_lba = lba + 1;
		ret->n_entries = GPT_DEFAULT_ENTRIES;
		ret->entry_size = GPT_ENTRY_MIN;
	}
	if (!gpt_entries_are_sane(ret))
		return 0;
	n = gpt_entries_sectors(ret, r->sector_size);
	if (n > r->sectors || ret->entries_lba > r->sectors - n)
		return 0;
	rc = gpt_read_sectors(r, ret->entries_lba, n, err);
	if (rc < 0)
		return rc;
	sd_gpt_parse_entries(r->buf, ret);
	return 0;
}

static int gpt_read_backup(const struct gpt_reader *r, struct sd_gpt *gpt, struct sd_error *err)
{
	uint64_t last = r->sectors - 1, said = gpt->primary.other_lba;
	bool said_is_usable = said > GPT_PRIMARY_LBA && said < last;
	int rc;

	if (gpt->primary.validity == SD_GPT_VALID)
		return gpt_read_copy(r, said, &gpt->backup, err);
	/* a torn primary may be older or newer than a backup that was being moved: the end first */
	rc = gpt_read_copy(r, last, &gpt->backup, err);
	if (rc < 0 || gpt->backup.validity == SD_GPT_VALID || !said_is_usable)
		return rc;
	return gpt_read_copy(r, said, &gpt->backup, err);
}

static void gpt_parse_mbr(const unsigned char *sector, unsigned sector_size, struct sd_gpt *gpt)
{
	size_t i;

	gpt->mbr_blank = gpt_is_zero(sector, sector_size);
	if (sector[510] != 0x55 || sector[511] != 0xaa)
		return;
	for (i = 0; i < 4; i++) {
		const unsigned char *record = sector + 446 + i * 16;

		/* what Linux asks of it before it believes a GPT (block/partitions/efi.c) */
		if (record[4] == 0xee && gpt_u32(record + 8) == GPT_PRIMARY_LBA)
			gpt->protective_mbr = true;
	}
}

int sd_gpt_read(
        int fd, uint64_t size, unsigned sector_size, struct sd_gpt *ret, struct sd_error *err)
{
	_cleanup_free_ unsigned char *buf = NULL;
	struct gpt_reader r = { .fd = fd, .sector_size = sector_size };
	struct sd_gpt gpt = { .sector_size = sector_size };
	int rc;

	if (sector_size < 512 || sector_size > 4096 || (sector_size & (sector_size - 1)))
		return sd_error_set(
		        err, EINVAL, "sectors of %u bytes are not supported", sector_size);
	r.sectors = gpt.sectors = size / sector_size;
	if (size > INT64_MAX || r.sectors < 8)
		return sd_error_set(err, EINVAL, "a disk of %" PRIu64 " bytes has no table", size);
	rc = posix_memalign((void **)&buf, 4096, (size_t)GPT_MAX_ENTRIES * GPT_ENTRY_MAX);
	if (rc)
		return sd_error_errno(err, rc, "cannot read the partition table");
	r.buf = buf;
	rc = gpt_read_sectors(&r, 0, 1, err);
	if (rc < 0)
		return rc;
	gpt_parse_mbr(buf, sector_size, &gpt);
	rc = gpt_read_copy(&r, GPT_PRIMARY_LBA, &gpt.primary, err);
	if (rc < 0)
		return rc;
	rc = gpt_read_backup(&r, &gpt, err);
	if (rc < 0)
		return rc;
	*ret = gpt;
	return 0;
}

bool sd_gpt_agrees(const struct sd_gpt *gpt)
{
	const struct sd_gpt_copy *p = &gpt->primary, *b = &gpt->backup;

	return p->validity == SD_GPT_VALID && b->validity == SD_GPT_VALID &&
	        p->own_lba == b->other_lba && p->other_lba == b->own_lba &&
	        p->first_usable == b->first_usable && p->last_usable == b->last_usable &&
	        p->n_entries == b->n_entries && p->entry_size == b->entry_size &&
	        p->entries_crc == b->entries_crc && !strcmp(p->disk_guid, b->disk_guid);
}
