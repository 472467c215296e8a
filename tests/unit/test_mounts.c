/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts.h"
#include "tree.h"

#include <sys/sysmacros.h>

/*
 * A node as it is in the middle of work: two stages below an unbindable mount, one volume bound
 * twice (once read-only), one place mounted over, a data/ that was removed, a name with a space.
 */
static const char mountinfo[] =
        "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
        "23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw\n"
        "40 22 254:1 /k/mounts /k/mounts rw,relatime unbindable - ext4 /dev/vda1 rw\n"
        "41 40 259:1 / /k/mounts/one rw,relatime - xfs /dev/nvme0n1p1 rw,attr2\n"
        "42 40 254:16 / /k/mounts/two rw,relatime - ext4 /dev/dm-16 rw,errors=remount-ro\n"
        "43 22 259:1 /data /k/pods/a rw,relatime shared:9 - xfs /dev/nvme0n1p1 rw\n"
        "44 22 259:1 /data /k/pods/b ro,relatime shared:9 - xfs /dev/nvme0n1p1 rw\n"
        "45 22 0:33 / /k/pods/c rw - tmpfs tmpfs rw\n"
        "46 45 259:1 /data /k/pods/c rw,relatime - xfs /dev/nvme0n1p1 rw\n"
        "47 22 259:1 /data//deleted /k/pods/gone rw - xfs /dev/nvme0n1p1 rw\n"
        "48 22 259:2 /data /k/pods/with\\040space rw - xfs /dev/nvme0n1p2 ro\n"
        "49 22 259:1 /other /k/pods/other rw - xfs /dev/nvme0n1p1 rw\n";

static int setup(void **state)
{
	if (tree_make(state) < 0)
		return -1;
	tree_write("/proc/self/mountinfo", mountinfo);
	return 0;
}

static void test_of_device(void **state)
{
	static const char *const targets[] = { "/k/mounts/one", "/k/pods/a", "/k/pods/b",
		"/k/pods/c", "/k/pods/gone", "/k/pods/other" };
	struct sd_mount_list list;

	(void)state;
	assert_int_equal(sd_mounts_of_device(makedev(259, 1), &list, NULL), 0);
	assert_int_equal(list.n, SD_ARRAY_SIZE(targets));
	for (size_t i = 0; i < list.n; i++) {
		assert_string_equal(list.mount[i].target, targets[i]);
		assert_true(list.mount[i].devno == makedev(259, 1));
		assert_int_equal(list.mount[i].read_only, i == 2);
		assert_false(list.mount[i].unbindable);
	}
	assert_string_equal(list.mount[0].root, "/");
	assert_string_equal(list.mount[1].root, "/data");
	sd_mount_list_free(&list);
	assert_int_equal(sd_mounts_of_device(makedev(259, 9), &list, NULL), 0);
	assert_int_equal(list.n, 0);
	sd_mount_list_free(&list);
}

static void test_at(void **state)
{
	static const struct {
		const char *dir;
		const char *root; /* NULL: no mount point */
		int id;
	} cases[] = {
		{ "/k/mounts/one", "/", 41 },
		{ "/k/mounts/one/", "/", 41 },
		{ "/k//mounts/../mounts/one", NULL, 0 }, /* not there, so taken as it is written */
		{ "/k/mounts", "/k/mounts", 40 },
		{ "/k/pods/c", "/data", 46 }, /* the topmost of two */
		{ "/k/pods/with space", "/data", 48 },
		{ "/k/pods", NULL, 0 },
		{ "/k/mounts/on", NULL, 0 },
		{ "/proc", "/", 23 },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_mount mount;
		int r = sd_mounts_at(cases[i].dir, &mount, NULL);

		assert_int_equal(r, cases[i].root ? 1 : 0);
		if (r == 0)
			continue;
		assert_string_equal(mount.root, cases[i].root);
		assert_int_equal(mount.id, cases[i].id);
		assert_int_equal(mount.unbindable, cases[i].id == 40);
		sd_mount_clear(&mount);
	}
}

/* kubelet's root may be a link: mountinfo has the real path. The last component is never followed. */
static void test_at_through_link(void **state)
{
	char text[PATH_MAX * 2];
	struct sd_mount mount;

	(void)state;
	(void)tree_parents("/real/dir/");
	tree_link("/link", "real");
	tree_link("/real/last", "dir");
	(void)snprintf(text, sizeof(text), "41 22 259:1 / %s rw - xfs /dev/x rw\n",
	        tree_path("/real/dir"));
	tree_write("/proc/self/mountinfo", text);
	assert_int_equal(sd_mounts_at(tree_path("/link/dir"), &mount, NULL), 1);
	sd_mount_clear(&mount);
	assert_int_equal(sd_mounts_at(tree_path("/real/../link/./dir"), &mount, NULL), 1);
	sd_mount_clear(&mount);
	assert_int_equal(sd_mounts_at(tree_path("/real/last"), &mount, NULL), 0);
	tree_write("/proc/self/mountinfo", mountinfo);
}

static void test_bad_paths(void **state)
{
	static const char *const paths[] = { "", "relative", "/", "/a/.", "/a/..", "//" };
	struct sd_mount mount;

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(paths); i++) {
		struct sd_error err = SD_ERROR_INIT;

		assert_int_equal(sd_mounts_at(paths[i], &mount, &err), -EINVAL);
		assert_int_equal(err.code, EINVAL);
		assert_int_equal(sd_mounts_unmount(paths[i], &err), -EINVAL);
	}
}

static void test_verify(void **state)
{
	(void)state;
	assert_int_equal(sd_mounts_verify("/k/pods/a", makedev(259, 1), false, NULL), 0);
	assert_int_equal(sd_mounts_verify("/k/pods/b", makedev(259, 1), true, NULL), 0);
	assert_int_equal(sd_mounts_verify("/k/pods/a", makedev(259, 1), true, NULL), -EROFS);
	assert_int_equal(sd_mounts_verify("/k/pods/b", makedev(259, 1), false, NULL), -EROFS);
	assert_int_equal(sd_mounts_verify("/k/pods/a", makedev(259, 2), false, NULL), -ESTALE);
	assert_int_equal(sd_mounts_verify("/k/pods/other", makedev(259, 1), false, NULL), -ESTALE);
	assert_int_equal(sd_mounts_verify("/k/mounts/one", makedev(259, 1), false, NULL), -ESTALE);
	assert_int_equal(sd_mounts_verify("/k/pods/gone", makedev(259, 1), false, NULL), -ESTALE);
	assert_int_equal(sd_mounts_verify("/k/pods/none", makedev(259, 1), false, NULL), -ENOTCONN);
}

/* What cannot be read is an error, not "no mounts". */
static void test_unreadable(void **state)
{
	struct sd_mount_list list;
	struct sd_mount mount;

	(void)state;
	tree_write("/proc/self/mountinfo", "");
	assert_true(sd_mounts_of_device(makedev(259, 1), &list, NULL) < 0);
	assert_true(sd_mounts_at("/k/mounts/one", &mount, NULL) < 0);
	tree_write("/proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\nnonsense\n");
	assert_true(sd_mounts_of_device(makedev(259, 1), &list, NULL) < 0);
	assert_true(sd_mounts_verify("/", makedev(259, 1), false, NULL) < 0);
	assert_int_equal(unlink(tree_path("/proc/self/mountinfo")), 0);
	assert_int_equal(sd_mounts_of_device(makedev(259, 1), &list, NULL), -ENOENT);
	assert_true(sd_mounts_unmount("/k/mounts/one", NULL) < 0);
	tree_write("/proc/self/mountinfo", mountinfo);
}

static void test_gone(void **state)
{
	(void)state;
	(void)tree_parents("/sys/devices/nvme0n1p1/");
	(void)tree_parents("/sys/devices/dm-0/slaves/");
	(void)tree_parents("/sys/devices/dm-1/slaves/");
	tree_link("/sys/dev/block/259:1", "../../devices/nvme0n1p1");
	tree_link("/sys/dev/block/254:0", "../../devices/dm-0");
	tree_link("/sys/dev/block/254:1", "../../devices/dm-1");
	tree_link("/sys/devices/dm-0/slaves/nvme0n1p1", "../../nvme0n1p1");
	tree_link("/sys/devices/dm-1/slaves/nvme1n1p1", "../../nvme1n1p1");
	assert_false(sd_mounts_device_is_gone(makedev(259, 1)));
	assert_true(sd_mounts_device_is_gone(makedev(259, 2)));
	assert_false(sd_mounts_device_is_gone(makedev(254, 0)));
	assert_true(sd_mounts_device_is_gone(makedev(254, 1)));
}

/* Mount options, and what the error names; NULL: allowed. */
static const struct {
	const char *type, *options;
	const char *refused; /* what the error names; NULL: allowed */
} options[] = {
	{ "xfs", NULL, NULL },
	{ "xfs", "", NULL },
	{ "xfs", "noatime,lazytime,discard", NULL },
	{ "xfs", "inode64,largeio,swalloc,allocsize=64k,logbufs=8,logbsize=256k", NULL },
	{ "xfs", "prjquota,nosuid,nodev,noexec", NULL },
	{ "ext4", "data=ordered,commit=30,barrier=1,stripe=16", NULL },
	{ "ext4", "errors=remount-ro,max_batch_time=0,nodelalloc", NULL },
	{ "ext4", "barrier", NULL },
	{ "xfs", "defaults,rw", NULL },
	{ "xfs", "ro", "\"ro\"" },
	{ "xfs", "noatime,remount", "\"remount\"" },
	{ "xfs", "bind", "\"bind\"" },
	{ "xfs", "loop", "\"loop\"" },
	{ "xfs", "nouuid", "\"nouuid\"" },
	{ "xfs", "norecovery", "\"norecovery\"" },
	{ "xfs", "logdev=/dev/sda", "\"logdev\"" },
	{ "xfs", "rtdev=/dev/sda", "\"rtdev\"" },
	{ "xfs", "suid", "\"suid\"" },
	{ "xfs", "dev", "\"dev\"" },
	{ "xfs", "x-systemd.automount", "x-systemd" },
	{ "xfs", "context=\"a,b\"", "context" },
	{ "xfs", "data=ordered", "\"data\"" }, /* ext4's */
	{ "ext4", "inode64", "\"inode64\"" },  /* XFS' */
	{ "ext4", "errors=panic", "panic" },
	{ "ext4", "errors=continue", "continue" },
	{ "ext4", "errors", "errors" },
	{ "ext4", "data=writeback", "writeback" },
	{ "ext4", "data=order", "order" },
	{ "ext4", "data=", "data" },
	{ "ext4", "barrier=0", "barrier" },
	{ "ext4", "nobarrier", "nobarrier" },
	{ "ext4", "journal_path=/dev/sda", "journal_path" },
	{ "ext4", "journal_dev=8", "journal_dev" },
	{ "ext4", "sb=8193", "\"sb\"" },
	{ "ext4", "commit=30s", "commit" },
	{ "ext4", "commit=-1", "commit" },
	{ "ext4", "commit=9999999999", "commit" },
	{ "ext4", "commit=", "commit" },
	{ "ext4", "commit", "commit" },
	{ "xfs", "allocsize=64kk", "allocsize" },
	{ "xfs", "allocsize=k", "allocsize" },
	{ "xfs", "noatime=1", "noatime" },
	{ "xfs", "noatime ,discard", "noatime " },
	{ "xfs", "NOATIME", "NOATIME" },
	{ "ext2", "stripe=16", "stripe" },
};

static void test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(options); i++) {
		struct sd_error err = SD_ERROR_INIT;
		int r = sd_mounts_check_options(options[i].type, options[i].options, &err);

		if (!options[i].refused) {
			assert_string_equal(err.text, "");
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(err.text, options[i].refused));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_device),
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_at_through_link),
		cmocka_unit_test(test_bad_paths),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, setup, tree_remove);
}
