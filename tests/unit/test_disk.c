/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enumeration and identity on recorded trees of /sys. */

#include "recorded.h"

#include "disk.h"

static const struct sd_disk *disk_of(const struct sd_disks *disks, const char *name)
{
	size_t i = 0;

	while (i < disks->n && strcmp(disks->disk[i].name, name) != 0)
		i++;
	if (i == disks->n)
		fail_msg("%s is not listed", name);
	return &disks->disk[i];
}

static void test_recorded(void **state)
{
	static const struct {
		const char *name, *transport, *wwid, *model, *serial;
		unsigned sector_size;
		bool rotational, repeated;
	} expected[] = {
		{ "nvme0n1", "nvme", "eui.5254000000000101", "QEMU NVMe Ctrl", "SOLO0001", 512,
		        false, false },
		{ "nvme1n1", "nvme",
		        "nvme.1b36-534f4c4f30303032-51454d55204e564d65204374726c-00000001",
		        "QEMU NVMe Ctrl", "SOLO0002", 4096, false, false },
		{ "sda", "scsi", "naa.5000c50000000103", "SOLO DISK", "SOLO0003", 512, false,
		        false },
		{ "sdb", "scsi", "naa.5000c50000000777", "SOLO DISK", "TWIN", 512, false, true },
		{ "sdc", "scsi", "naa.5000c50000000777", "SOLO DISK", "TWIN", 512, false, true },
		{ "sdd", "scsi", "serial:SOLO_DISK:SOLO0007", "SOLO DISK", "SOLO0007", 512, false,
		        false },
		{ "sde", "scsi", "naa.5000c50000000109", "SOLO DISK", "SOLO0009", 512, false,
		        false },
		{ "vda", "virtio", "serial:virtio:V5", "", "V5", 512, true, false },
		{ "vdb", "virtio", "", "", "", 512, true, false },
	};
	struct sd_disks disks;
	char node[256];

	(void)state;
	recorded_load("disks");
	assert_int_equal(sd_disks_read(&disks, NULL), 0);
	assert_int_equal(disks.n, SD_ARRAY_SIZE(expected));
	for (size_t i = 0; i < disks.n; i++) {
		const struct sd_disk *d = &disks.disk[i];

		assert_string_equal(d->name, expected[i].name);
		assert_string_equal(d->transport, expected[i].transport);
		assert_string_equal(d->wwid, expected[i].wwid);
		assert_string_equal(d->model, expected[i].model);
		assert_string_equal(d->serial, expected[i].serial);
		assert_int_equal(d->sector_size, expected[i].sector_size);
		assert_int_equal(d->rotational, expected[i].rotational);
		assert_int_equal(d->wwid_repeated, expected[i].repeated);
		assert_int_equal(d->size, 128 << 20);
		assert_false(d->removable || d->read_only || d->zoned || d->hidden);
		(void)snprintf(node, sizeof(node), "%s/dev/%s", tree_root, d->name);
		assert_string_equal(d->node, node);
	}
	assert_true(disk_of(&disks, "sda")->devno != disk_of(&disks, "sdb")->devno);
	sd_disks_free(&disks);
}

static void test_partitions(void **state)
{
	struct sd_partitions parts;
	struct sd_disks disks;
	const struct sd_partition *first, *second;

	(void)state;
	recorded_load("disks");
	assert_int_equal(sd_disks_read(&disks, NULL), 0);
	assert_int_equal(sd_disk_partitions(disk_of(&disks, "sda"), &parts, NULL), 0);
	assert_int_equal(parts.n, 2);
	first = &parts.partition[parts.partition[0].number == 1 ? 0 : 1];
	second = &parts.partition[parts.partition[0].number == 1 ? 1 : 0];
	assert_string_equal(first->name, "sda1");
	assert_int_equal(first->start, 1 << 20);
	assert_int_equal(first->size, 20 << 20);
	assert_int_equal(second->number, 2);
	sd_partitions_free(&parts);
	assert_int_equal(sd_disk_partitions(disk_of(&disks, "vda"), &parts, NULL), 0);
	assert_int_equal(parts.n, 0);
	sd_partitions_free(&parts);
	sd_disks_free(&disks);
}

/* Which names are disks, and their order. */
static void test_names(void **state)
{
	static const char *const are[] = { "loop1", "mmcblk0", "nvme0c1n1", "nvme0n1", "nvme0n2",
		"nvme2n1", "nvme10n1", "sda", "sdb", "sdz", "sdaa", "vda", "xvdb" };
	static const char *const are_not[] = { "dm-0", "loop0", "md0", "md127", "mmcblk0boot0",
		"mmcblk0rpmb", "nbd0", "ram0", "sr0", "zram0", "sda1", "fd0", "bcache0",
		"nvme0n1p1" };
	struct sd_disks disks;

	(void)state;
	recorded_clear();
	for (size_t i = SD_ARRAY_SIZE(are); i-- > 0;)
		recorded_add(are[i], 64, "");
	for (size_t i = 0; i < SD_ARRAY_SIZE(are_not); i++)
		recorded_add(are_not[i], 64, "");
	tree_write("/sys/block/loop1/loop/backing_file", "/image\n");
	assert_int_equal(sd_disks_read(&disks, NULL), 0);
	for (size_t i = 0; i < disks.n && i < SD_ARRAY_SIZE(are); i++)
		assert_string_equal(disks.disk[i].name, are[i]);
	assert_int_equal(disks.n, SD_ARRAY_SIZE(are));
	sd_disks_free(&disks);
}

static void test_wwids(void **state)
{
	static const struct {
		const char *disk, *attribute, *raw, *wwid;
	} cases[] = {
		{ "nvme0n1", "wwid", "eui.0000000000000000\n", "" },
		{ "nvme0n1", "wwid", "eui.00000000000000000000000000000000\n", "" },
		{ "nvme0n1", "wwid", "eui.ffffffffffffffff\n", "" },
		{ "nvme0n1", "wwid", "uuid.12345678-1234-4234-8234-123456789abc\n",
		        "uuid.12345678-1234-4234-8234-123456789abc" },
		{ "nvme0n1", "wwid", "nvme.1b36-2020202020-51454d55-00000001\n", "" },
		{ "nvme0n1", "wwid", "nvme.1b36--51454d55-00000001\n", "" },
		{ "nvme0n1", "wwid", "nvme.1b36-30303030-51454d55-00000001\n", "" },
		{ "nvme0n1", "wwid", "nvme.1b36-53303030-51454d55-00000001\n",
		        "nvme.1b36-53303030-51454d55-00000001" },
		{ "sda", "device/wwid", "naa.5000c500a1b2c3d4\n", "naa.5000c500a1b2c3d4" },
		{ "sda", "device/wwid", "naa.0000000000000000\n", "" },
		{ "sda", "device/wwid", "t10.ATA     Disk  Model/2           S3R1AL  \n",
		        "t10.ATA_Disk_Model_2_S3R1AL" },
		{ "vda", "serial", "000000\n", "" },
		{ "vda", "serial", "a b\n", "serial:virtio:a_b" },
		{ "mmcblk0", "device/serial", "0x1234abcd\n", "serial:other:0x1234abcd" },
		{ "mmcblk0", "device/serial", "0x00000000\n", "" },
		{ "xvda", "serial", "", "" },
		{ "loop0", "wwid", "eui.1234567812345678\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_disks disks;
		char path[128];

		recorded_clear();
		recorded_add(cases[i].disk, 64, "");
		tree_write("/sys/block/loop0/loop/backing_file", "/image\n");
		(void)snprintf(
		        path, sizeof(path), "/sys/block/%s/%s", cases[i].disk, cases[i].attribute);
		tree_write(path, cases[i].raw);
		assert_int_equal(sd_disks_read(&disks, NULL), 0);
		assert_string_equal(disk_of(&disks, cases[i].disk)->wwid, cases[i].wwid);
		sd_disks_free(&disks);
	}
}

/* A hidden path of a multipath namespace has the WWID of what it leads to, and is no second disk. */
static void test_hidden_path(void **state)
{
	struct sd_disk disk;
	struct sd_disks disks;

	(void)state;
	recorded_clear();
	recorded_add("nvme0n1", 64, "eui.0011223344556677\n");
	recorded_add("nvme0c0n1", 64, "eui.0011223344556677\n");
	tree_write("/sys/block/nvme0c0n1/hidden", "1\n");
	assert_int_equal(unlink(tree_path("/sys/block/nvme0c0n1/dev")), 0);
	assert_int_equal(sd_disks_read(&disks, NULL), 0);
	assert_int_equal(disks.n, 2);
	assert_true(disk_of(&disks, "nvme0c0n1")->hidden);
	assert_false(disk_of(&disks, "nvme0n1")->wwid_repeated);
	sd_disks_free(&disks);
	assert_int_equal(sd_disk_resolve("eui.0011223344556677", &disk, NULL), 0);
	assert_string_equal(disk.name, "nvme0n1");
}

/* What is found by its WWID alone is what the list of all disks has. */
static void test_by_wwid(void **state)
{
	struct sd_disks all, some;

	(void)state;
	recorded_load("disks");
	assert_int_equal(sd_disks_read(&all, NULL), 0);
	for (size_t i = 0; i < all.n; i++) {
		const struct sd_disk *d = &all.disk[i];

		if (!d->wwid[0])
			continue;
		assert_int_equal(sd_disks_read_wwid(d->wwid, &some, NULL), 0);
		assert_int_equal(some.n, d->wwid_repeated ? 2 : 1);
		for (size_t k = 0; k < some.n; k++) {
			const struct sd_disk *same = disk_of(&all, some.disk[k].name);

			assert_string_equal(some.disk[k].wwid, d->wwid);
			assert_string_equal(some.disk[k].model, same->model);
			assert_string_equal(some.disk[k].serial, same->serial);
			assert_string_equal(some.disk[k].node, same->node);
			assert_int_equal(some.disk[k].devno, same->devno);
			assert_int_equal(some.disk[k].size, same->size);
			assert_int_equal(some.disk[k].sector_size, same->sector_size);
			assert_int_equal(some.disk[k].wwid_repeated, same->wwid_repeated);
		}
		sd_disks_free(&some);
	}
	assert_int_equal(sd_disks_read_wwid("naa.5000c50000000778", &some, NULL), 0);
	assert_int_equal(some.n, 0);
	sd_disks_free(&some);
	sd_disks_free(&all);
}

static void test_flags(void **state)
{
	struct sd_disks disks;

	(void)state;
	recorded_load("disks");
	tree_write("/sys/block/sda/ro", "1\n");
	tree_write("/sys/block/sdb/removable", "1\n");
	tree_write("/sys/block/sdc/queue/zoned", "host-managed\n");
	assert_int_equal(sd_disks_read(&disks, NULL), 0);
	assert_true(disk_of(&disks, "sda")->read_only);
	assert_true(disk_of(&disks, "sdb")->removable);
	assert_true(disk_of(&disks, "sdc")->zoned);
	sd_disks_free(&disks);
}

static void resolves(const char *what, int code, const char *expected)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_disk disk;

	assert_int_equal(sd_disk_resolve(what, &disk, &err), -code);
	if (!code)
		assert_string_equal(disk.name, expected);
	else if (!strstr(err.text, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.text, expected);
}

static void test_resolve(void **state)
{
	(void)state;
	recorded_load("disks");
	resolves("sda", 0, "sda");
	resolves("naa.5000c50000000103", 0, "sda");
	resolves("serial:virtio:V5", 0, "vda");
	resolves("naa.5000c50000000777", ENOTUNIQ, "sdb and sdc");
	resolves("sda1", EINVAL, "this one's is sda");
	resolves("sdq", ENODEV, "there is no disk sdq");
	resolves("naa.5000c5000000010", ENODEV, "there is no disk");
	resolves("/dev/none", ENODEV, "no such disk");
	resolves("/dev/sda", ENODEV, "not a block device"); /* a file, in this tree */
	resolves("", EINVAL, "no disk");
	resolves("./none", ENODEV, "no such disk");
}

static void test_open(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_disk disk;
	int fd = -1;

	(void)state;
	recorded_load("disks");
	assert_int_equal(sd_disk_resolve("sda", &disk, &err), 0);
	assert_int_equal(sd_disk_open(&disk, 0, &fd, &err), 0);
	assert_int_equal(close(fd), 0);
	fd = -1;
	assert_int_equal(truncate(disk.node, 1 << 20), 0);
	assert_int_equal(sd_disk_open(&disk, 0, &fd, &err), -ENODEV);
	assert_non_null(strstr(err.text, "changed"));
	assert_int_equal(unlink(disk.node), 0);
	assert_int_equal(sd_disk_open(&disk, 0, &fd, &err), -ENODEV);
	assert_int_equal(fd, -1);
	/* without a prefix a file is no disk */
	(void)snprintf(disk.node, sizeof(disk.node), "/etc/passwd");
	sd_root_set("");
	assert_int_equal(sd_disk_open(&disk, 0, &fd, &err), -ENODEV);
	(void)snprintf(disk.node, sizeof(disk.node), "/dev/null");
	assert_int_equal(sd_disk_open(&disk, 0, &fd, &err), -ENODEV);
	sd_root_set(tree_root);
}

static void test_no_sysfs(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_disks disks;

	(void)state;
	recorded_clear();
	assert_int_equal(sd_disks_read(&disks, &err), -ENOENT);
	assert_non_null(strstr(err.text, "list of disks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_wwids),
		cmocka_unit_test(test_hidden_path),
		cmocka_unit_test(test_by_wwid),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_no_sysfs),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
