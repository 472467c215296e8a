/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader on headers made by hand: every number that can be wrong, with a checksum that is right. */

#include "image.h"

#include "gpt.h"

#include <errno.h>

#define SECTORS (80 * MIB / 512)

static unsigned char header[512];

static void put32(size_t at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		header[at + (size_t)i] = (unsigned char)(v >> (8 * i));
}

static void put64(size_t at, uint64_t v)
{
	put32(at, (uint32_t)v);
	put32(at + 4, (uint32_t)(v >> 32));
}

static void sign(void)
{
	put32(16, 0);
	put32(16, sd_gpt_crc32(header, 92));
}

/* A primary header as libfdisk would write it for SECTORS. */
static void make_header(void)
{
	memset(header, 0, sizeof(header));
	memcpy(header, "EFI PART", 8);
	put32(8, 0x00010000);
	put32(12, 92);
	put64(24, 1);
	put64(32, SECTORS - 1);
	put64(40, 2048);
	put64(48, SECTORS - 34);
	header[56] = 0x78;
	header[57] = 0x56;
	header[58] = 0x34;
	header[59] = 0x12;
	header[71] = 0xff;
	put64(72, 2);
	put32(80, 128);
	put32(84, 128);
	sign();
}

static struct sd_gpt_copy parse(uint64_t lba)
{
	struct sd_gpt_copy copy;

	sd_gpt_parse_header(header, 512, lba, SECTORS, &copy);
	return copy;
}

/* The check value of this CRC, in every catalogue of them. */
static void test_crc(void **state)
{
	(void)state;
	assert_int_equal(sd_gpt_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(sd_gpt_crc32("", 0), 0);
}

static void test_valid(void **state)
{
	struct sd_gpt_copy copy;

	(void)state;
	make_header();
	copy = parse(1);
	assert_int_equal(copy.validity, SD_GPT_VALID);
	assert_string_equal(copy.disk_guid, "12345678-0000-0000-0000-0000000000ff");
	assert_int_equal(copy.other_lba, SECTORS - 1);
	assert_int_equal(copy.first_usable, 2048);
	assert_int_equal(copy.n_entries, 128);
	/* the same as a backup */
	put64(24, SECTORS - 1);
	put64(32, 1);
	put64(72, SECTORS - 33);
	sign();
	assert_int_equal(parse(SECTORS - 1).validity, SD_GPT_VALID);
	assert_int_equal(parse(SECTORS - 2).validity, SD_GPT_TORN);
}

static void test_absent(void **state)
{
	(void)state;
	make_header();
	header[0] = 'X';
	assert_int_equal(parse(1).validity, SD_GPT_ABSENT);
	memset(header, 0, sizeof(header));
	assert_int_equal(parse(1).validity, SD_GPT_ABSENT);
}

static void test_impossible(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		bool wide, beyond_end;
	} cases[] = {
		{ 8, 0x00020000, false, false }, /* another format */
		{ 24, 2, true, false },          /* not where it was read */
		{ 32, 1, true, false },          /* is its own other */
		{ 32, SECTORS, true, true },     /* the disk ends before it */
		{ 32, UINT64_MAX, true, true },
		{ 40, SECTORS - 33, true, false }, /* first after last */
		{ 40, 33, true, false },           /* into the entries */
		{ 48, SECTORS - 1, true, false },  /* into the backup */
		{ 48, UINT64_MAX, true, false },
		{ 72, 0, true, false },
		{ 72, 1, true, false }, /* over the header */
		{ 72, UINT64_MAX, true, false },
		{ 72, UINT64_MAX - 31, true, false }, /* the sum wraps to 0 */
		{ 72, 4096, true, false },            /* among the partitions */
		{ 80, 0, false, false },
		{ 80, 1025, false, false },
		{ 80, UINT32_MAX, false, false },
		{ 84, 0, false, false },
		{ 84, 64, false, false },
		{ 84, 136, false, false }, /* no power of two */
		{ 84, 8192, false, false },
		{ 84, 0x80000000, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_gpt_copy copy;

		make_header();
		if (cases[i].wide)
			put64(cases[i].at, cases[i].value);
		else
			put32(cases[i].at, (uint32_t)cases[i].value);
		sign();
		copy = parse(1);
		assert_int_equal(copy.validity, SD_GPT_TORN);
		assert_int_equal(copy.beyond_end, cases[i].beyond_end);
	}
}

static void test_header_size(void **state)
{
	static const uint32_t wrong[] = { 0, 91, 513, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_header();
		put32(12, wrong[i]);
		sign();
		assert_int_equal(parse(1).validity, SD_GPT_TORN);
	}
	make_header();
	put32(12, 512);
	put32(16, 0);
	put32(16, sd_gpt_crc32(header, 512));
	assert_int_equal(parse(1).validity, SD_GPT_VALID);
}

/* Every single bit of what the checksum covers. */
static void test_bit_flips(void **state)
{
	(void)state;
	make_header();
	for (size_t bit = 64; bit < 92 * 8; bit++) {
		header[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(parse(1).validity, SD_GPT_TORN);
		header[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_int_equal(parse(1).validity, SD_GPT_VALID);
}

static void test_entries(void **state)
{
	static unsigned char entries[128 * 128];
	/* SD_PARTITION_TYPE as it lies on the disk */
	static const unsigned char ours[16] = { 0x14, 0xe3, 0xb0, 0xc2, 0xad, 0x76, 0x78, 0x45,
		0xa8, 0xb0, 0xa0, 0xc3, 0x61, 0xa9, 0x91, 0xd7 };
	static const char name[] = "s\0o\0l\0\x34\x12o\0\x01\0";
	struct sd_gpt_copy copy;

	(void)state;
	memset(entries, 0, sizeof(entries));
	make_header();
	copy = parse(1);
	copy.entries_crc = sd_gpt_crc32(entries, sizeof(entries));
	sd_gpt_parse_entries(entries, &copy);
	assert_int_equal(copy.validity, SD_GPT_VALID);
	assert_int_equal(copy.n_used, 0);
	entries[128] = 1; /* the second is another's, the last is ours */
	memcpy(entries + 127 * 128, ours, sizeof(ours));
	entries[127 * 128 + 40] = 9;
	memcpy(entries + 127 * 128 + 56, name, sizeof(name) - 1);
	copy = parse(1);
	sd_gpt_parse_entries(entries, &copy);
	assert_int_equal(copy.validity, SD_GPT_TORN);
	assert_int_equal(copy.n_used, 2);
	assert_int_equal(copy.n_ours, 1);
	assert_int_equal(copy.number, 128);
	assert_int_equal(copy.last_lba, 9);
	assert_string_equal(copy.type, SD_PARTITION_TYPE);
	assert_string_equal(copy.name, "sol?o?");
}

static void test_unreadable(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct image image;
	struct sd_gpt gpt;

	(void)state;
	image_open(&image, 80 * MIB, 512);
	assert_int_equal(sd_gpt_read(image.fd, 80 * MIB, 520, &gpt, &err), -EINVAL);
	assert_int_equal(sd_gpt_read(image.fd, 80 * MIB, 0, &gpt, &err), -EINVAL);
	assert_int_equal(sd_gpt_read(image.fd, 512, 512, &gpt, &err), -EINVAL);
	/* the end is not there: an error, not "no table" */
	assert_int_equal(sd_gpt_read(image.fd, 90 * MIB, 512, &gpt, &err), -EIO);
	assert_int_equal(sd_gpt_read(-1, 80 * MIB, 512, &gpt, &err), -EBADF);
	assert_int_equal(sd_gpt_read(image.fd, 80 * MIB, 512, &gpt, &err), 0);
	assert_int_equal(gpt.primary.validity, SD_GPT_ABSENT);
	assert_int_equal(gpt.backup.validity, SD_GPT_ABSENT);
	assert_true(gpt.mbr_blank);
	assert_false(gpt.protective_mbr);
	assert_false(sd_gpt_agrees(&gpt));
	image_close(&image);
}

/* A table that another program made. */
static void test_of_sgdisk(void **state)
{
	char command[256];
	struct image image;
	struct sd_gpt gpt;

	(void)state;
	image_open(&image, 80 * MIB, 512);
	(void)snprintf(command, sizeof(command),
	        "sgdisk -n 3:2048:+10M -t 3:8300 -c 3:hello -u 3:1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d %s "
	        ">/dev/null",
	        image.path);
	assert_int_equal(system(command), 0);
	assert_int_equal(sd_gpt_read(image.fd, 80 * MIB, 512, &gpt, NULL), 0);
	assert_true(sd_gpt_agrees(&gpt));
	assert_true(gpt.protective_mbr);
	assert_int_equal(gpt.primary.n_used, 1);
	assert_int_equal(gpt.primary.n_ours, 0);
	assert_int_equal(gpt.backup.number, 3);
	assert_string_equal(gpt.primary.name, "hello");
	assert_string_equal(gpt.primary.id, "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d");
	assert_string_equal(gpt.primary.type, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_header_size),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_of_sgdisk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
