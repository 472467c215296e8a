/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four answers of a probe, on images that the system's own programs made. */

#include "image.h"

#include "probe.h"

#include <errno.h>

#define SIZE (80 * MIB)

static struct image image;
static struct sd_error err;

static int setup(void **state)
{
	(void)state;
	sd_error_clear(&err);
	image_open(&image, SIZE, 512);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_close(&image);
	return 0;
}

static void run(const char *program)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", program, image.path);
	if (system(command) != 0)
		fail_msg("this failed: %s", command);
}

static void not_blank(const char *type, const char *usage, const char *text)
{
	unsigned char *before = image_copy(&image);
	struct sd_content content;

	assert_int_equal(sd_probe_blank(image.fd, "disk", &content, &err), -EEXIST);
	assert_string_equal(content.type, type);
	assert_string_equal(content.usage, usage);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
	image_is_unchanged(&image, before);
}

static void test_nothing(void **state)
{
	struct sd_content content = { .type = "untouched" };

	(void)state;
	assert_int_equal(sd_probe_content(image.fd, "disk", &content, &err), -ENODATA);
	assert_int_equal(sd_probe_blank(image.fd, "disk", &content, &err), 0);
	assert_string_equal(content.type, "untouched");
}

static void test_node(void **state)
{
	struct sd_content content = { .type = "untouched" };

	(void)state;
	assert_int_equal(sd_probe_node("/nowhere/disk", &content, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot open /nowhere/disk"));
	sd_error_clear(&err);
	assert_int_equal(sd_probe_node(image.path, &content, &err), -ENODATA);
	assert_string_equal(content.type, "untouched");
	run("mkfs.ext4 -q");
	sd_error_clear(&err);
	assert_int_equal(sd_probe_node(image.path, &content, &err), 0);
	assert_string_equal(content.type, "ext4");
}

static void test_filesystems(void **state)
{
	struct sd_content content;

	(void)state;
	run("mkfs.ext4 -q -F -L data -U 1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d");
	assert_int_equal(sd_probe_content(image.fd, "disk", &content, &err), 0);
	assert_string_equal(content.type, "ext4");
	assert_string_equal(content.uuid, "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d");
	assert_string_equal(content.label, "data");
	assert_string_equal(content.usage, "filesystem");
	not_blank("ext4", "filesystem", "it holds an ext4 filesystem (label \"data\")");
	image_fill(&image, 0, 0, MIB);
	run("mkswap");
	not_blank("swap", "other", "it holds a swap");
}

/* A signature whose checksum is wrong is nothing to use, but the disk is not blank. */
static void test_bad_checksum(void **state)
{
	static const struct {
		char id[8];
		uint64_t sector;
		uint32_t crc, offset;
		char type[8];
		char uuid[32];
	} label = { "LABELONE", 1, 0xbad, 32, "LVM2 001", "0123456789abcdefghijABCDEFGHIJ12" };
	struct sd_content content;

	(void)state;
	image_write(&image, 512, &label, sizeof(label));
	assert_int_equal(sd_probe_content(image.fd, "disk", &content, &err), -ENODATA);
	not_blank("LVM2_member", "raid", "LVM2_member");
}

static void test_two_formats(void **state)
{
	struct sd_content content;

	(void)state;
	run("mkfs.ext4 -q -F");
	image_write(&image, 0, "XFSB", 4); /* not enough for XFS */
	assert_int_equal(sd_probe_content(image.fd, "disk", &content, &err), 0);
	/* btrfs: its magic, and that the superblock says where it lies */
	image_write(&image, 65536 + 64, "_BHRfS_M", 8);
	assert_int_equal(sd_probe_content(image.fd, "disk", &content, &err), -ENOTUNIQ);
	assert_non_null(strstr(err.text, "btrfs"));
	assert_non_null(strstr(err.text, "ext4"));
	assert_int_equal(sd_probe_blank(image.fd, "disk", &content, &err), -EEXIST);
}

static void test_tables(void **state)
{
	static const char zero[512];

	(void)state;
	run("printf 'label: dos\\n,,L\\n' | sfdisk -q");
	not_blank("dos", "table", "it holds a dos partition table");
	run("printf 'label: gpt\\n,,L\\n' | sfdisk -q --wipe always");
	not_blank("gpt", "table", "it holds a gpt partition table");
	image_write(&image, 0, zero, sizeof(zero));
	not_blank("gpt", "table", "gpt");
	image_write(&image, 512, zero, sizeof(zero)); /* the backup alone */
	not_blank("gpt", "table", "gpt");
}

/* RAID at the end, with a filesystem at the beginning: the membership counts for more. */
static void test_member(void **state)
{
	static const unsigned char md[] = { 0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0 };
	/* version 1.0 lies 8 KiB from the end, aligned down to 4 KiB; it says where it is, in sectors */
	const uint64_t at = SIZE - 8192, sector = at / 512;

	(void)state;
	run("mkfs.ext4 -q -F");
	image_fill(&image, SIZE - 128 * 1024, 0, 128 * 1024);
	image_write(&image, at, md, sizeof(md));
	image_write(&image, at + 144, &sector, sizeof(sector));
	not_blank("linux_raid_member", "raid", "a member of an array");
	assert_non_null(strstr(err.text, "ext4"));
}

/* What libblkid calls neither a filesystem nor "raid", though it is one disk of several. */
static void test_members_by_other_words(void **state)
{
	static const char ceph[] = "bluestore block device\n5f1b9d8e-7c2a-4c62-9f4d-0c3b9a1d2e3f\n";
	static const char oracle[] = "ORCLDISK";

	(void)state;
	image_write(&image, 0, ceph, sizeof(ceph) - 1);
	not_blank("ceph_bluestore", "other", "a member of an array");
	image_fill(&image, 0, 0, MIB);
	image_write(&image, 32, oracle, sizeof(oracle) - 1);
	not_blank("oracleasm", "filesystem", "a member of an array");
}

static void test_unreadable(void **state)
{
	struct sd_content content = { .type = "untouched" };
	int fd = open(image.path, O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(sd_probe_content(-1, "disk", &content, &err) < 0);
	assert_true(sd_probe_blank(-1, "disk", &content, &err) < 0);
	/* not "nothing there" and not "something there" */
	assert_int_equal(sd_probe_content(fd, "disk", &content, &err), -EBADF);
	assert_int_equal(sd_probe_blank(fd, "disk", &content, &err), -EBADF);
	assert_string_equal(content.type, "untouched");
	assert_int_equal(close(fd), 0);
}

#define ONE(test)                                  \
	{                                          \
#test, test, setup, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_nothing),
		ONE(test_node),
		ONE(test_filesystems),
		ONE(test_bad_checksum),
		ONE(test_two_formats),
		ONE(test_tables),
		ONE(test_member),
		ONE(test_members_by_other_words),
		ONE(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
