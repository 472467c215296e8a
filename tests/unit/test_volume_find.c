/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding a volume among disks that are images in a tree: by WWID, by reading, and when to refuse. */

#include "recorded.h"

#include "volume.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#define ID "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define OTHER_ID "9a8b7c6d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define TIMEOUT_MS 200

static struct sd_error err;

static void make_volume(const char *name, const char *id)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_disk disk;
	int fd = -1;

	assert_int_equal(sd_disk_resolve(name, &disk, &err), 0);
	assert_int_equal(sd_disk_open(&disk, O_RDWR, &fd, &err), 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(sd_volume_create(fd, &disk, id, &volume, &err), 0);
	sd_volume_close(&volume);
	assert_int_equal(close(fd), 0);
}

/* Three disks with WWIDs, one without; a volume on sdb. */
static int setup(void **state)
{
	(void)state;
	recorded_clear();
	sd_error_clear(&err);
	recorded_add("sda", 64, "naa.5000c50000000001\n");
	recorded_add("sdb", 64, "naa.5000c50000000002\n");
	recorded_add("sdc", 64, "naa.5000c50000000003\n");
	recorded_add("vda", 64, "");
	make_volume("sdb", ID);
	return 0;
}

static void finds(const char *id, const char *wwid, const char *disk)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	int r = sd_volume_find(id, wwid, LOCK_SH, TIMEOUT_MS, &volume, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	assert_string_equal(volume.disk.name, disk);
	assert_string_equal(volume.mark.id, id);
	assert_int_equal(volume.mark.state, SD_STATE_PREPARING);
	assert_int_equal(volume.lock, LOCK_SH);
	assert_true(volume.disk_fd >= 0);
	sd_volume_close(&volume);
	sd_volume_close(&volume);
	assert_int_equal(volume.disk_fd, -1);
}

static void refuses(const char *id, const char *wwid, int code, const char *text)
{
	struct sd_volume volume = SD_VOLUME_INIT;

	sd_error_clear(&err);
	assert_int_equal(sd_volume_find(id, wwid, LOCK_SH, TIMEOUT_MS, &volume, &err), -code);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
	assert_int_equal(volume.disk_fd, -1);
}

static void test_find(void **state)
{
	(void)state;
	finds(ID, "naa.5000c50000000002", "sdb");
	finds(ID, NULL, "sdb");
	finds(ID, "", "sdb");
	refuses(ID, "naa.5000c50000000001", ENODEV, "no solodisk volume");
	refuses(ID, "naa.5000c50000000009", ENODEV, "no disk with the WWID");
	refuses(OTHER_ID, "naa.5000c50000000002", ESTALE, "carries volume " ID);
	refuses(OTHER_ID, NULL, ENODEV, "on no disk");
	refuses("x", NULL, EINVAL, "not a volume ID");
	make_volume("vda", OTHER_ID);
	finds(OTHER_ID, NULL, "vda");
}

/* The other disks are not even opened when the WWID is known: their nodes are not there. */
static void test_wwid_reads_one_disk(void **state)
{
	(void)state;
	assert_int_equal(unlink(tree_path("/dev/sda")), 0);
	assert_int_equal(unlink(tree_path("/dev/sdc")), 0);
	finds(ID, "naa.5000c50000000002", "sdb");
	finds(ID, NULL, "sdb"); /* what cannot be read does not matter while it is found */
	refuses(OTHER_ID, NULL, ENODEV, "not every disk could be read");
}

static void test_duplicates(void **state)
{
	(void)state;
	make_volume("sdc", ID);
	refuses(ID, NULL, ENOTUNIQ, "sdb and sdc both carry volume");
	finds(ID, "naa.5000c50000000003", "sdc");
	tree_write("/sys/block/sdc/wwid", "naa.5000c50000000002\n");
	refuses(ID, "naa.5000c50000000002", ENOTUNIQ, "sdb and sdc both have the WWID");
	refuses(ID, NULL, ENOTUNIQ, "both carry");
}

static void test_lock(void **state)
{
	struct sd_volume shared = SD_VOLUME_INIT, exclusive = SD_VOLUME_INIT;

	(void)state;
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_SH, TIMEOUT_MS, &shared, &err), 0);
	finds(ID, NULL, "sdb");
	assert_int_equal(
	        sd_volume_find(ID, NULL, LOCK_EX, TIMEOUT_MS, &exclusive, &err), -ETIMEDOUT);
	sd_volume_close(&shared);
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_EX, TIMEOUT_MS, &exclusive, &err), 0);
	assert_int_equal(exclusive.lock, LOCK_EX);
	refuses(ID, NULL, ETIMEDOUT, "");
	sd_volume_close(&exclusive);
	finds(ID, NULL, "sdb");
}

static void test_upgrade(void **state)
{
	struct sd_volume one = SD_VOLUME_INIT, two = SD_VOLUME_INIT;

	(void)state;
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_SH, TIMEOUT_MS, &one, &err), 0);
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_SH, TIMEOUT_MS, &two, &err), 0);
	assert_int_equal(sd_volume_lock_exclusive(&one, TIMEOUT_MS, &err), -ETIMEDOUT);
	assert_int_equal(sd_volume_set_state(&one, SD_STATE_READY, &err), -ENOLCK);
	sd_volume_close(&two);
	assert_int_equal(sd_volume_lock_exclusive(&one, TIMEOUT_MS, &err), 0);
	assert_int_equal(sd_volume_set_state(&one, SD_STATE_READY, &err), 0);
	sd_volume_close(&one);
}

/* Between the locks somebody changed the state, or made another volume of it. */
static void test_upgrade_sees_changes(void **state)
{
	struct sd_volume one = SD_VOLUME_INIT, two = SD_VOLUME_INIT;

	(void)state;
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_SH, TIMEOUT_MS, &one, &err), 0);
	assert_int_equal(flock(one.disk_fd, LOCK_UN), 0);
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_EX, TIMEOUT_MS, &two, &err), 0);
	assert_int_equal(sd_volume_set_state(&two, SD_STATE_READY, &err), 0);
	sd_volume_close(&two);
	assert_int_equal(sd_volume_lock_exclusive(&one, TIMEOUT_MS, &err), -ESTALE);
	assert_non_null(strstr(err.text, "was \"preparing\" a moment ago and is \"ready\" now"));
	sd_volume_close(&one);
	make_volume("sdb", OTHER_ID);
	refuses(ID, NULL, ENODEV, "on no disk");
}

/* A damaged table is mended on the way, under the exclusive lock, which then stays. */
static void test_find_repairs(void **state)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	static const char zero[512];
	int fd;

	(void)state;
	fd = open(tree_path("/dev/sdb"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, zero, sizeof(zero), 512), sizeof(zero));
	assert_int_equal(sd_volume_find(ID, NULL, LOCK_SH, TIMEOUT_MS, &volume, &err), 0);
	assert_false(volume.mark.needs_repair);
	assert_int_equal(volume.lock, LOCK_EX);
	sd_volume_close(&volume);
	finds(ID, NULL, "sdb");
	assert_int_equal(close(fd), 0);
}

static void test_open(void **state)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_disk disk;

	(void)state;
	assert_int_equal(sd_disk_resolve("sda", &disk, &err), 0);
	assert_int_equal(sd_volume_open(&disk, LOCK_SH, TIMEOUT_MS, &volume, &err), -ENOENT);
	assert_int_equal(volume.disk_fd, -1);
	assert_int_equal(sd_disk_resolve("sdb", &disk, &err), 0);
	assert_int_equal(sd_volume_open(&disk, LOCK_EX, TIMEOUT_MS, &volume, &err), 0);
	assert_string_equal(volume.mark.id, ID);
	sd_volume_close(&volume);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_find, setup),
		cmocka_unit_test_setup(test_wwid_reads_one_disk, setup),
		cmocka_unit_test_setup(test_duplicates, setup),
		cmocka_unit_test_setup(test_lock, setup),
		cmocka_unit_test_setup(test_upgrade, setup),
		cmocka_unit_test_setup(test_upgrade_sees_changes, setup),
		cmocka_unit_test_setup(test_find_repairs, setup),
		cmocka_unit_test_setup(test_open, setup),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
