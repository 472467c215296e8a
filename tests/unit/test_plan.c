/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fingerprint.h"
#include "plan.h"
#include "tree.h"

#define BOOT "7c7d8c2e-3b5a-4a55-9d0e-0d5f2d6c8b11"

#define DISK                                                                              \
	"\"disk\":{\"name\":\"sda\",\"wwid\":\"naa.1\",\"serial\":\"S\",\"model\":\"M\"," \
	"\"size\":67108864,\"sectorSize\":512}"
#define RECIPE "\"recipe\":{\"filesystem\":\"xfs\"}"
#define FINGERPRINT                                               \
	"\"fingerprint\":{\"state\":\"blank\",\"bootID\":\"" BOOT \
	"\",\"diskseq\":9,\"sectorsWritten\":0}"
#define ITEM(disk, recipe, fingerprint) \
	"{\"action\":\"prepare\"," disk "," recipe "," fingerprint "}"
#define PLAN(disks)                                                                               \
	"{\"solodiskPlan\":1,\"created\":\"2026-11-22T20:00:00Z\",\"node\":{\"hostname\":\"n\"}," \
	"\"disks\":[" disks "]}"

static const struct sd_disk disk = {
	.name = "sda",
	.wwid = "naa.5000c500",
	.serial = "S\xff"
	          "1",
	.model = "M",
	.size = 64 << 20,
	.sector_size = 512,
};

static void take(struct fingerprint *ret)
{
	struct sd_error err = SD_ERROR_INIT;

	if (fingerprint_take(&disk, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_fingerprint(void **state)
{
	struct fingerprint seen, now;
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	assert_int_equal(fingerprint_take(&disk, &seen, &err) < 0, 1);
	tree_write("/proc/sys/kernel/random/boot_id", BOOT "\n");
	assert_int_equal(fingerprint_take(&disk, &seen, &err) < 0, 1); /* no counters: not known */
	tree_write("/sys/block/sda/stat", "1 2 3 4 5\n");
	assert_int_equal(fingerprint_take(&disk, &seen, &err), -EIO);
	tree_write(
	        "/sys/block/sda/stat", "  9 0 72 1   5 0 40 2   0 3 3\n"); /* before Linux 4.18 */
	take(&seen);
	assert_int_equal(seen.written, 40);
	assert_int_equal(seen.diskseq, 0);
	tree_write("/sys/block/sda/stat", "9 0 72 1 5 0 40 2 0 3 3 1 0 100 1 7 8\n");
	tree_write("/sys/block/sda/diskseq", "12\n");
	take(&seen);
	assert_int_equal(seen.written, 140);
	assert_int_equal(seen.diskseq, 12);
	assert_string_equal(seen.boot_id, BOOT);
	assert_string_equal(seen.serial, "S?1"); /* what JSON can carry */
	/* reading changes nothing */
	tree_write("/sys/block/sda/stat", "999 0 9999 1 5 0 40 2 0 3 3 1 0 100 1 7 8\n");
	take(&now);
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), 0);
	assert_int_equal(fingerprint_check_untouched(&seen, &now, &err), 0);
	tree_write("/sys/block/sda/stat", "9 0 72 1 6 0 41 2 0 3 3 1 0 100 1 7 8\n");
	take(&now);
	assert_int_equal(fingerprint_check_untouched(&seen, &now, &err), -ESTALE);
	assert_non_null(strstr(err.text, "written"));
	tree_write("/sys/block/sda/diskseq", "13\n");
	take(&now);
	assert_int_equal(fingerprint_check_untouched(&seen, &now, &err), -ESTALE);
	assert_non_null(strstr(err.text, "taken out"));
	/* after a reboot the counters mean nothing */
	tree_write("/proc/sys/kernel/random/boot_id", "another\n");
	take(&now);
	assert_int_equal(fingerprint_check_untouched(&seen, &now, &err), 0);
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), 0);
}

static void test_identity(void **state)
{
	static const struct fingerprint seen = {
		.wwid = "naa.1", .serial = "S", .model = "M", .size = 5, .sector_size = 512
	};
	struct sd_error err = SD_ERROR_INIT;
	struct fingerprint now = seen;

	(void)state;
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), 0);
	now.wwid[4] = '2';
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), -ESTALE);
	now = seen;
	now.serial[0] = 'T';
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), -ESTALE);
	now = seen;
	now.model[1] = 'M';
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), -ESTALE);
	now = seen;
	now.size = 6;
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), -ESTALE);
	now = seen;
	now.sector_size = 4096;
	assert_int_equal(fingerprint_check_identity(&seen, &now, &err), -ESTALE);
}

static void test_round_trip(void **state)
{
	struct plan_disk one = {
		.name = "sda",
		.seen = { .wwid = "naa.1",
		        .size = 64 << 20,
		        .sector_size = 4096,
		        .boot_id = BOOT,
		        .diskseq = 7,
		        .written = 99 },
		.was_preparing = true,
		.pool = "fast",
		.filesystem = "ext4",
		.luks = true,
		.kdf = SD_KDF_ARGON2ID,
		.key = "secret:k",
	};
	_cleanup_plan_ struct plan plan = { 0 }, again = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	_cleanup_json_ sd_json *json = NULL;
	_cleanup_free_ char *text = NULL;

	(void)state;
	tree_write("/etc/machine-id", "3d1219c7\n");
	assert_int_equal(plan_begin(&plan, &err), 0);
	assert_string_equal(plan.node.machine_id, "3d1219c7");
	assert_int_equal(plan_add(&plan, &one, &err), 0);
	one.seen.wwid[4] = '2';
	one.luks = false;
	memset(one.key, 0, sizeof(one.key));
	one.kdf = SD_KDF_PBKDF2;
	assert_int_equal(plan_add(&plan, &one, &err), 0);
	assert_int_equal(plan_to_json(&plan, &json, &err), 0);
	text = sd_json_pretty(json);
	if (plan_parse("f", text, strlen(text), &again, &err) < 0)
		fail_msg("%s\n%s", err.text, text);
	assert_int_equal(again.n_disks, 2);
	assert_memory_equal(&again.disks[0], &plan.disks[0], sizeof(one));
	assert_memory_equal(&again.disks[1], &plan.disks[1], sizeof(one));
	assert_int_equal(plan_check_node(&again, &err), 0);
	tree_write("/etc/machine-id", "another\n");
	assert_int_equal(plan_check_node(&again, &err), -EPERM);
}

static int parse(const char *text, struct sd_error *err)
{
	_cleanup_plan_ struct plan plan = { 0 };

	return plan_parse("f", text, strlen(text), &plan, err);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "not valid JSON" },
		{ "{}", "\"solodiskPlan\" is missing" },
		{ "{\"solodiskPlan\":2,\"new\":1}",
		        "line 1: solodiskPlan: this is a plan of another version" },
		{ "{\"solodiskPlan\":\"1\"}", "solodiskPlan: it must be a whole number" },
		{ PLAN("") ",", "not valid JSON" },
		{ PLAN("1"), "disks[0]: it must be an object" },
		{ PLAN(ITEM(DISK, RECIPE, "\"pool\":\"a\"")), "\"fingerprint\" is missing" },
		{ PLAN(ITEM(DISK, RECIPE, FINGERPRINT) "," ITEM(DISK, RECIPE, FINGERPRINT)),
		        "disks[1]: the disk naa.1 is there twice" },
		{ PLAN(ITEM(DISK, RECIPE, FINGERPRINT ",\"force\":true")),
		        "disks[0].force: there is no such key" },
		{ PLAN(ITEM(DISK, "\"recipe\":{\"filesystem\":\"vfat\"}", FINGERPRINT)),
		        "disks[0].recipe.filesystem: there is no such" },
		{ PLAN(ITEM(DISK, "\"recipe\":{\"filesystem\":\"xfs\",\"encryption\":\"luks2\"}",
		          FINGERPRINT)),
		        "one key" },
		{ PLAN(ITEM(DISK, "\"recipe\":{\"filesystem\":\"xfs\",\"key\":\"file:a\"}",
		          FINGERPRINT)),
		        "one key" },
		{ PLAN(ITEM(DISK,
		          "\"recipe\":{\"filesystem\":\"xfs\",\"encryption\":\"luks2\",\"key\":\"file:a/b\"}",
		          FINGERPRINT)),
		        "recipe.key: it must be file:NAME" },
		{ PLAN(ITEM(DISK,
		          "\"recipe\":{\"filesystem\":\"xfs\",\"encryption\":\"luks2\",\"keyFile\":\"a\"}",
		          FINGERPRINT)),
		        "keyFile: it must be an absolute path" },
		{ PLAN(ITEM(
		          "\"disk\":{\"name\":\"sda\",\"wwid\":\"\",\"size\":67108864,\"sectorSize\":512}",
		          RECIPE, FINGERPRINT)),
		        "disks[0].disk.wwid: it is empty" },
		{ PLAN(ITEM(
		          "\"disk\":{\"name\":\"sda\",\"wwid\":\"a\",\"size\":67108863,\"sectorSize\":512}",
		          RECIPE, FINGERPRINT)),
		        "disks[0].disk.size" },
		{ PLAN(ITEM(
		          "\"disk\":{\"name\":\"sda\",\"wwid\":\"a\",\"size\":67108864,\"sectorSize\":0}",
		          RECIPE, FINGERPRINT)),
		        "sectorSize: no disk has such" },
	};
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	if (parse(PLAN(ITEM(DISK, RECIPE, FINGERPRINT)), &err) < 0 || parse(PLAN(""), &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		sd_error_clear(&err);
		if (parse(cases[i].text, &err) != -EINVAL || !strstr(err.text, cases[i].why))
			fail_msg("%s\n  says: %s\n  must say: %s", cases[i].text, err.text,
			        cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
