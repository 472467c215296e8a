/* SPDX-License-Identifier: GPL-2.0-or-later */
/* May this disk be touched? On recorded trees; what only a kernel can show is tested in the guest. */

#include "recorded.h"

#include "disk.h"
#include "disk_use.h"

#include <fcntl.h>

#define SIZE (128ull << 20)

static struct sd_error err;

/* What check says of a disk of the tree: 0 or the errno, the text in err. */
static int check(const char *name, int (*function)(const struct sd_disk *, int, struct sd_error *))
{
	struct sd_disk disk;
	int fd = -1, r;

	sd_error_clear(&err);
	assert_int_equal(sd_disk_resolve(name, &disk, &err), 0);
	assert_int_equal(sd_disk_open(&disk, O_RDONLY, &fd, &err), 0);
	r = function(&disk, fd, &err);
	assert_int_equal(close(fd), 0);
	assert_int_equal(err.code, -r);
	return -r;
}

static void says(const char *text)
{
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static void refused(const char *name, int code, const char *text)
{
	assert_int_equal(check(name, sd_disk_check_free), code);
	says(text);
}

static void write_byte(const char *node, uint64_t at)
{
	int fd = open(tree_path(node), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "x", 1, (off_t)at), 1);
	assert_int_equal(close(fd), 0);
}

static void test_may_be_prepared(void **state)
{
	static const char *const free_disks[] = { "nvme0n1", "nvme1n1", "sdd", "sde", "vda" };

	(void)state;
	recorded_load("disks");
	for (size_t i = 0; i < SD_ARRAY_SIZE(free_disks); i++)
		if (check(free_disks[i], sd_disk_check_free) != 0)
			fail_msg("%s", err.text);
}

static void test_kinds(void **state)
{
	(void)state;
	recorded_load("disks");
	refused("sdb", EPERM, "sdb has the same WWID as another disk");
	refused("vdb", EPERM, "vdb has no WWID or serial number");
	tree_write("/sys/block/sdd/ro", "1\n");
	refused("sdd", EPERM, "sdd is read-only");
	assert_int_equal(check("sdd", sd_disk_check_idle), EPERM);
	tree_write("/sys/block/sde/removable", "1\n");
	refused("sde", EPERM, "sde is removable");
	tree_write("/sys/block/vda/queue/zoned", "host-aware\n");
	refused("vda", EPERM, "vda is zoned");
	recorded_add("sdx", 63, "");
	tree_write("/sys/block/sdx/device/wwid", "naa.5000c50000009999\n");
	refused("sdx", EPERM, "too small: 63 MiB, at least 64");
}

static void test_not_blank(void **state)
{
	static const uint64_t places[] = { 0, 4096, (1 << 20) - 1, SIZE - (1 << 20), SIZE - 1 };
	char text[64];

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(places); i++) {
		recorded_load("disks");
		write_byte("/dev/nvme0n1", places[i]);
		(void)snprintf(
		        text, sizeof(text), "byte %llu is not zero", (unsigned long long)places[i]);
		refused("nvme0n1", EEXIST, text);
		assert_int_equal(check("nvme0n1", sd_disk_check_idle), 0);
	}
	recorded_load("disks");
	write_byte("/dev/nvme0n1", 1 << 20); /* between the ends is nobody's mark */
	assert_int_equal(check("nvme0n1", sd_disk_check_free), 0);
	refused("sda", EEXIST, "has partitions");
	assert_int_equal(check("sda", sd_disk_check_idle), 0);
}

static void test_in_use(void **state)
{
	(void)state;
	recorded_load("in-use");
	refused("nvme0n1", EBUSY, "nvme0n1 is mounted at /mnt/a");
	assert_null(strstr(err.text, "namespace"));
	refused("nvme1n1", EBUSY,
	        "nvme1n1 is mounted at /mnt/b in the mount namespace of sleep (process 507)");
	refused("sda", EBUSY, "sda2 is swap in use (\"swapoff /dev/sda2\"");
	refused("vda", EBUSY, "vda is open for writing by sleep (process 515)");
	assert_int_equal(check("vda", sd_disk_check_idle), EBUSY);
	assert_int_equal(check("sde", sd_disk_check_free), 0);
	/* the same descriptor, but open for reading */
	tree_write("/proc/515/fdinfo/7", "pos:\t0\nflags:\t0100000\nmnt_id:\t32\n");
	assert_int_equal(check("vda", sd_disk_check_free), 0);
}

/* The two processes of the recording share a mount namespace: whichever comes first is read. */
static const char *const mountinfos[] = { "/proc/1/mountinfo", "/proc/221/mountinfo" };

/* A btrfs has a number of its own, so it is known by its source. */
static void test_mounted_btrfs(void **state)
{
	(void)state;
	recorded_load("disks");
	for (size_t i = 0; i < SD_ARRAY_SIZE(mountinfos); i++)
		tree_write(mountinfos[i],
		        "28 1 0:24 / / rw shared:1 - overlay overlay rw\n"
		        "41 28 0:40 / /mnt/a rw shared:14 - btrfs /dev/sde rw,subvol=/\n");
	refused("sde", EBUSY, "sde is mounted at /mnt/a");
}

static int unused(const struct sd_disk *disk, int fd, struct sd_error *e)
{
	(void)fd;
	return sd_disk_check_unused(disk, e);
}

static void held(const char *name, const char *text)
{
	assert_int_equal(check(name, unused), EBUSY);
	says(text);
}

static void test_held(void **state)
{
	(void)state;
	recorded_load("held");
	held("sdb", "sdb is one path of the multipath device mpatha (dm-0)");
	held("sdc", "sdc is one path of the multipath device mpatha (dm-0)");
	held("sdd", "sdd is a member of the RAID array md0");
	held("sde", "sde is a member of the RAID array md0");
	held("sda", "sda1 is used by the device-mapper device held (dm-1)");
	held("vda", "vda is what the loop device loop1 lies on");
	assert_int_equal(check("nvme0n1", sd_disk_check_free), 0);
	tree_write("/sys/block/dm-1/dm/uuid", "CRYPT-LUKS2-0123-held\n");
	held("sda", "sda1 is open as the encrypted device held (dm-1)");
	tree_write("/sys/block/dm-1/dm/uuid", "LVM-0123\n");
	held("sda", "sda1 is part of the LVM volume held (dm-1)");
}

/* "I could not tell" is no. */
static void test_could_not_tell(void **state)
{
	(void)state;
	recorded_load("disks");
	assert_int_equal(rmdir(tree_path("/sys/block/sde/holders")), 0);
	refused("sde", ENOENT, "could not tell who holds sde");
	recorded_load("disks");
	assert_int_equal(unlink(tree_path("/proc/swaps")), 0);
	(void)tree_parents("/proc/swaps/");
	refused("sde", EIO, "could not tell what is swap");
	recorded_load("disks");
	for (size_t i = 0; i < SD_ARRAY_SIZE(mountinfos); i++) {
		char path[64];

		assert_int_equal(unlink(tree_path(mountinfos[i])), 0);
		(void)snprintf(path, sizeof(path), "%s/", mountinfos[i]);
		(void)tree_parents(path);
	}
	refused("sde", EISDIR, "could not tell what process");
	recorded_load("disks");
	assert_int_equal(unlink(tree_path("/proc/self")), 0);
	refused("sde", ENOENT, "could not tell who uses sde");
	tree_link("/proc/self/ns/pid", "pid:[4026532999]");
	refused("sde", EACCES, "hostPID");
}

/* The disk behind a name became another one. */
static void test_changed_meanwhile(void **state)
{
	struct sd_disk disk;
	int fd = -1;

	(void)state;
	recorded_load("disks");
	assert_int_equal(sd_disk_resolve("sde", &disk, &err), 0);
	assert_int_equal(sd_disk_open(&disk, O_RDONLY, &fd, &err), 0);
	tree_write("/sys/block/sde/device/wwid", "naa.5000c50000001234\n");
	assert_int_equal(sd_disk_check_free(&disk, fd, &err), -ESTALE);
	says("another disk than it was");
	assert_int_equal(unlink(tree_path("/sys/block/sde/size")), 0);
	assert_int_equal(sd_disk_check_free(&disk, fd, &err), -ENODEV);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_may_be_prepared),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_not_blank),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_mounted_btrfs),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_could_not_tell),
		cmocka_unit_test(test_changed_meanwhile),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
