/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "filesystem.h"
#include "superblock.h"
#include "tree.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#define ID "0a1b2c3d-1111-4222-8333-444444444444"
#define OTHER "0a1b2c3d-1111-4222-8333-555555555555"

static const char *image(const char *name, off_t size)
{
	const char *path = tree_parents(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

/* What a command prints; path is its first argument, "$0". */
static const char *output_of(const char *line, const char *path)
{
	static char text[4096];
	char command[PATH_MAX + 512];
	size_t n;
	FILE *f;

	(void)snprintf(command, sizeof(command), "sh -c '%s' '%s'", line, path);
	f = popen(command, "r"); /* NOLINT: the tests' own words */
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return text;
}

static void test_known(void **state)
{
	(void)state;
	assert_true(sd_filesystem_is_known("xfs"));
	assert_true(sd_filesystem_is_known("ext4"));
	assert_false(sd_filesystem_is_known("ext3"));
	assert_false(sd_filesystem_is_known("btrfs"));
	assert_false(sd_filesystem_is_known(""));
	assert_false(sd_filesystem_is_known(NULL));
}

/* mkfs works on images as well as on disks, so that most of it needs no root. */
static void test_make(void **state)
{
	static const char *const types[] = { "xfs", "ext4" };

	(void)state;
	(void)tree_parents("/run/");
	for (size_t i = 0; i < SD_ARRAY_SIZE(types); i++) {
		const char *path = image("/image", 320 << 20);
		struct sd_error err = SD_ERROR_INIT;
		char type[16] = "";

		(void)sd_filesystem_make(path, types[i], ID, -1, &err);
		assert_string_equal(err.text, "");
		assert_int_equal(sd_filesystem_check(path, ID, NULL, type, &err), 0);
		assert_string_equal(type, types[i]);
		assert_int_equal(sd_filesystem_check(path, ID, "", type, &err), 0);
		assert_int_equal(sd_filesystem_check(path, ID, types[i], type, &err), 0);
		assert_int_equal(
		        sd_filesystem_check(path, ID, types[!i], type, &err), -EMEDIUMTYPE);
		assert_int_equal(sd_filesystem_check(path, OTHER, NULL, type, &err), -ESTALE);
		assert_non_null(strstr(err.text, ID));
		assert_non_null(strstr(err.text, OTHER));
	}
}

static void test_xfs_content(void **state)
{
	const char *path = image("/xfs", 300 << 20), *text;

	(void)state;
	assert_int_equal(sd_filesystem_make(path, "xfs", ID, -1, NULL), 0);
	text = output_of(
	        "/usr/sbin/xfs_db -r -c \"path /data\" -c \"print core.mode core.uid\" "
	        "-c \"path /\" -c \"print core.mode\" -c \"sb 0\" -c \"print fname uuid\" \"$0\"",
	        path);
	assert_string_equal(text,
	        "core.mode = 040755\ncore.uid = 0\ncore.mode = 040700\n"
	        "fname = \"sd-0a1b2c3d\\000\"\nuuid = " ID "\n");
}

static void test_ext4_content(void **state)
{
	const char *path = image("/ext4", 64 << 20), *text;

	(void)state;
	assert_int_equal(sd_filesystem_make(path, "ext4", ID, -1, NULL), 0);
	text = output_of("/usr/sbin/debugfs -R \"stat /data\" \"$0\" 2>/dev/null", path);
	assert_non_null(strstr(text, "Type: directory"));
	assert_non_null(strstr(text, "Mode:  0755"));
	text = output_of("/usr/sbin/debugfs -R \"show_super_stats -h\" \"$0\" 2>/dev/null", path);
	assert_non_null(strstr(text, "Filesystem UUID:          " ID));
	assert_non_null(strstr(text, "Filesystem volume name:   sd-0a1b2c3d"));
	assert_non_null(strstr(text, "Errors behavior:          Remount read-only"));
	assert_non_null(strstr(text, "Reserved block count:     0\n"));
	/* The directory that was copied is gone. */
	text = output_of("ls \"$0\"/run/solodisk", sd_root());
	assert_string_equal(text, "");
}

/* What lay there before leaves no signature beside the new one. */
static void test_over_old_content(void **state)
{
	const char *path = image("/old", 64 << 20);
	struct sd_error err = SD_ERROR_INIT;
	char type[16];

	(void)state;
	(void)output_of("/usr/sbin/mkswap \"$0\" >/dev/null 2>&1", path);
	assert_int_equal(sd_filesystem_check(path, ID, NULL, type, &err), -EMEDIUMTYPE);
	assert_non_null(strstr(err.text, "swap"));
	assert_int_equal(sd_filesystem_make(path, "ext4", OTHER, -1, &err), 0);
	assert_int_equal(sd_filesystem_make(path, "ext4", ID, -1, &err), 0);
	assert_int_equal(sd_filesystem_check(path, ID, "ext4", type, &err), 0);
}

static void test_refusals(void **state)
{
	const char *path = image("/small", (300 << 20) - 1);
	struct sd_error err = SD_ERROR_INIT;
	char type[16] = "untouched";
	int fd;

	(void)state;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "precious", 8, 0), 8);
	assert_int_equal(close(fd), 0);
	assert_int_equal(sd_filesystem_make(path, "xfs", ID, -1, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "needs 300 MiB"));
	assert_int_equal(sd_filesystem_make(path, "btrfs", ID, -1, &err), -EINVAL);
	assert_int_equal(sd_filesystem_make(path, "xfs", "not-an-id", -1, &err), -EINVAL);
	assert_memory_equal(output_of("head -c 8 \"$0\"", path), "precious", 8);
	assert_int_equal(sd_filesystem_make(tree_path("/absent"), "xfs", ID, -1, &err), -ENOENT);
	path = image("/empty", 64 << 20);
	assert_int_equal(sd_filesystem_check(path, ID, NULL, type, &err), -ENODATA);
	assert_string_equal(type, "untouched");
}

/* The node's own filesystems are neither grown nor shut down when a stage is not mounted. */
static void test_not_mounted(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	const char *path = image("/device", 64 << 20), *dir = tree_parents("/stage/");

	(void)state;
	assert_int_equal(sd_filesystem_grow(dir, "ext4", path, &err), -ESTALE);
	assert_int_equal(sd_filesystem_grow(dir, "xfs", path, &err), -ESTALE);
	assert_int_equal(sd_filesystem_shutdown(dir, "ext4", &err), -ENOTCONN);
	assert_int_equal(sd_filesystem_shutdown(dir, NULL, &err), -ENOTCONN);
}

static void read_attribute(const char *path, char *buf, size_t size)
{
	assert_int_equal(sd_root_read(buf, size, "/sys/fs/xfs/%s", path), 0);
}

static void test_fail_fast(void **state)
{
	static const char *const attributes[] = { "metadata/EIO/max_retries",
		"metadata/ENODEV/max_retries", "metadata/default/max_retries", "fail_at_unmount" };
	struct sd_error err = SD_ERROR_INIT;
	char path[PATH_MAX], value[16];

	(void)state;
	tree_link("/sys/dev/block/254:3", "../../devices/virtual/block/dm-3");
	assert_int_equal(sd_filesystem_fail_fast("xfs", makedev(254, 3), &err), -ENOENT);
	for (size_t i = 0; i < SD_ARRAY_SIZE(attributes); i++) {
		(void)snprintf(path, sizeof(path), "/sys/fs/xfs/dm-3/error/%s", attributes[i]);
		tree_write(path, "-1\n");
	}
	assert_int_equal(sd_filesystem_fail_fast("xfs", makedev(254, 3), &err), 0);
	for (size_t i = 0; i < SD_ARRAY_SIZE(attributes); i++) {
		(void)snprintf(path, sizeof(path), "dm-3/error/%s", attributes[i]);
		read_attribute(path, value, sizeof(value));
		/* A plain file keeps what lay behind the first byte; sysfs takes the write as a whole. */
		assert_int_equal(value[0], i == 3 ? '1' : '0');
	}
	assert_int_equal(sd_filesystem_fail_fast("xfs", makedev(254, 4), &err), -ENOENT);
	assert_int_equal(sd_filesystem_fail_fast("ext4", makedev(254, 4), &err), 0);
}

static void superblock_of(const char *path, const char *type, struct sd_superblock *ret)
{
	struct sd_error err = SD_ERROR_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	(void)sd_superblock_read(fd, path, type, ret, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(close(fd), 0);
}

/* The size is the device's, and the faults are those that the filesystem's own tools write down. */
static void test_superblock(void **state)
{
	static const struct {
		const char *type, *replay, *repair;
	} cases[] = {
		{ "ext4", "/usr/sbin/debugfs -w -R \"feature needs_recovery\" \"$0\" 2>&1",
		        "/usr/sbin/debugfs -w -R \"set_super_value state 2\" \"$0\" 2>&1" },
		{ "xfs", NULL,
		        "/usr/sbin/xfs_db -x -c \"sb 0\" -c \"write features_incompat 0x1b\" \"$0\"" },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		const char *path = image("/superblock", 320 << 20);
		struct sd_superblock sb;

		assert_int_equal(sd_filesystem_make(path, cases[i].type, ID, -1, NULL), 0);
		superblock_of(path, cases[i].type, &sb);
		assert_int_equal(sb.size, 320 << 20);
		assert_false(sb.needs_repair);
		assert_false(sb.needs_replay);
		if (cases[i].replay) {
			(void)output_of(cases[i].replay, path);
			superblock_of(path, cases[i].type, &sb);
			assert_true(sb.needs_replay);
			assert_false(sb.needs_repair);
		}
		(void)output_of(cases[i].repair, path);
		superblock_of(path, cases[i].type, &sb);
		assert_true(sb.needs_repair);
		assert_int_equal(sb.size, 320 << 20);
	}
}

static void test_impossible_superblock(void **state)
{
	const char *path = image("/nothing", 1 << 20);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct sd_error err = SD_ERROR_INIT;
	struct sd_superblock sb;

	(void)state;
	assert_int_equal(sd_superblock_read(fd, path, "xfs", &sb, &err), -EINVAL);
	assert_non_null(strstr(err.text, "xfs_repair -n"));
	assert_int_equal(sd_superblock_read(fd, path, "ext4", &sb, &err), -EINVAL);
	assert_int_equal(truncate(path, 1500), 0);
	assert_int_equal(sd_superblock_read(fd, path, "ext4", &sb, &err), -EIO);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_xfs_content),
		cmocka_unit_test(test_ext4_content),
		cmocka_unit_test(test_over_old_content),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_not_mounted),
		cmocka_unit_test(test_fail_fast),
		cmocka_unit_test(test_superblock),
		cmocka_unit_test(test_impossible_superblock),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
