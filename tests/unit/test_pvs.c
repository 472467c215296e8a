/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "json.h"
#include "pv.h"
#include "pvs.h"
#include "uevent.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "11111111-1111-4111-8111-111111111111"

static void test_quantity(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* UINT64_MAX: refused */
	} cases[] = {
		{ "0", 0 },
		{ "1073741824", UINT64_C(1) << 30 },
		{ "10Gi", UINT64_C(10) << 30 },
		{ "2T", UINT64_C(2000000000000) },
		{ "1.5Ki", 1536 },
		{ "1500m", 2 },
		{ "2e9", 2000000000 },
		{ "12E6", 12000000 },
		{ "3E", UINT64_C(3000000000000000000) },
		{ "2097152k", UINT64_C(2097152000) },
		{ "16Ei", UINT64_MAX },
		{ "", UINT64_MAX },
		{ "-1", UINT64_MAX },
		{ "Gi", UINT64_MAX },
		{ "1GB", UINT64_MAX },
		{ "0x10", UINT64_MAX },
		{ "nan", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		uint64_t bytes = UINT64_MAX;
		int r = quantity_parse(cases[i].text, &bytes);

		if (bytes != cases[i].bytes || (r == 0) != (cases[i].bytes != UINT64_MAX))
			fail_msg("\"%s\": %d, %llu", cases[i].text, r, (unsigned long long)bytes);
	}
}

static sd_json *parse(const char *text)
{
	struct sd_error err = SD_ERROR_INIT;
	sd_json *json = NULL;

	if (sd_json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s", err.text);
	return json;
}

/* What pv_make() makes comes back as it was meant, with what the server adds. */
static void test_round_trip(void **state)
{
	const struct pv made = {
		.id = ID,
		.capacity = 123456512,
		.wwid = "eui.1",
		.fs_type = "xfs",
		.mount_options = "noatime",
		.node = "host-a",
		.storage_class = "fast",
		.reclaim = "Delete",
		.pool = "pool-a",
		.model = "M",
		.serial = "",
		.rotational = "false",
		.owner_name = "node-a",
		.owner_uid = "uid-n",
	};
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	_cleanup_json_ sd_json *json = NULL;
	struct sd_error err = SD_ERROR_INIT;
	sd_json *metadata, *owner, *labels;

	(void)state;
	assert_int_equal(pv_make(&made, &json, &err), 0);
	assert_int_equal(pv_view_take(json, &pv, &err), -EINVAL); /* the server gives it a UID */
	metadata = sd_json_get(json, "metadata");
	(void)sd_json_set_string(metadata, "uid", "u1");
	(void)sd_json_set_string(metadata, "resourceVersion", "7");
	assert_int_equal(pv_view_take(json, &pv, &err), 0);
	assert_string_equal(pv.name, "solodisk." ID);
	assert_string_equal(pv.id, ID);
	assert_string_equal(pv.wwid, "eui.1");
	assert_string_equal(pv.hostname, "host-a");
	assert_string_equal(pv.pool, "pool-a");
	assert_string_equal(pv.provisioner, PV_PROVISIONER);
	assert_string_equal(pv.driver, PV_DRIVER);
	assert_true(pv.deletes);
	assert_false(pv.is_going);
	assert_null(pv.claim);
	assert_null(pv.path);
	assert_int_equal(pv.capacity, 123456512);
	assert_int_equal(pv.phase, PV_PENDING);
	labels = sd_json_get(metadata, "labels");
	assert_string_equal(sd_json_as_string(sd_json_get(labels, PV_NODE_LABEL)), "host-a");
	assert_null(sd_json_get(sd_json_get(metadata, "annotations"), "solodisk.io/serial"));
	owner = sd_json_at(sd_json_get(metadata, "ownerReferences"), 0);
	assert_string_equal(sd_json_as_string(sd_json_get(owner, "uid")), "uid-n");
}

static const char bound[] =
        "{\"metadata\": {\"name\": \"solodisk." ID
        "\", \"uid\": \"u1\", \"resourceVersion\": \"8\","
        " \"deletionTimestamp\": \"2026-01-01T00:00:00Z\","
        " \"annotations\": {\"" PV_MISSING "\": \"then\"}},"
        " \"spec\": {\"capacity\": {\"storage\": \"1Gi\"},"
        " \"claimRef\": {\"namespace\": \"ns\", \"name\": \"c\"},"
        " \"local\": {\"path\": \"/mnt/x\"}, \"persistentVolumeReclaimPolicy\": \"Retain\"},"
        " \"status\": {\"phase\": \"Bound\"}}";

static void test_cache(void **state)
{
	_cleanup_json_ sd_json *json = parse(bound);
	_cleanup_pv_view_ struct pv_view gone = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	struct pvs pvs = { 0 };
	const struct pv_view *pv;
	bool changed = false;

	(void)state;
	assert_int_equal(pvs_put(&pvs, json, &changed, &err), 0);
	assert_true(changed);
	pv = pvs_by_id(&pvs, ID);
	assert_ptr_equal(pv, pvs_by_name(&pvs, "solodisk." ID));
	assert_int_equal(pv->phase, PV_BOUND);
	assert_true(pv->is_going);
	assert_false(pv->deletes);
	assert_string_equal(pv->claim, "ns/c");
	assert_string_equal(pv->path, "/mnt/x");
	assert_string_equal(pv->missing_since, "then");
	assert_null(pv->hostname);
	assert_int_equal(pvs_put(&pvs, json, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(pvs.n, 1);
	assert_false(pvs_remove(&pvs, "other", &gone));
	assert_true(pvs_remove(&pvs, "solodisk." ID, &gone));
	assert_int_equal(gone.phase, PV_GONE);
	assert_int_equal(pvs.n, 0);
	pvs_clear(&pvs);
}

static void test_odd_objects(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"metadata\": []}",
		"{\"metadata\": {\"name\": 1, \"uid\": \"u\", \"resourceVersion\": \"1\"}}",
		"{\"metadata\": {\"name\": \"x\", \"resourceVersion\": \"1\"}}",
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(texts); i++) {
		_cleanup_json_ sd_json *json = parse(texts[i]);
		struct pv_view pv = { 0 };

		assert_int_equal(pv_view_take(json, &pv, NULL), -EINVAL);
		assert_null(pv.name);
	}
}

static void test_uevent(void **state)
{
	static const struct {
		const char *message;
		size_t len;
		const char *disk; /* NULL: not of interest */
	} events[] = {
#define EVENT(text) text, sizeof(text)
		{ EVENT("add@/devices/pci0/0000:00:04.0/nvme/nvme0/nvme0n1\0ACTION=add\0"
		        "DEVPATH=/devices/pci0/nvme/nvme0/nvme0n1\0SUBSYSTEM=block\0DEVTYPE=disk"),
		        "nvme0n1" },
		{ EVENT("change@/devices/x/block/sda/sda1\0ACTION=change\0"
		        "DEVPATH=/devices/x/block/sda/sda1\0SUBSYSTEM=block\0DEVTYPE=partition"),
		        "sda" },
		{ EVENT("add@/devices/pci0/nvme/nvme3/nvme3n1/nvme3n1p1\0SUBSYSTEM=block\0"
		        "DEVPATH=/devices/pci0/nvme/nvme3/nvme3n1/nvme3n1p1\0DEVTYPE=partition"),
		        "nvme3n1" },
		{ EVENT("add@/devices/virtual/block/dm-0\0DEVPATH=/devices/virtual/block/dm-0\0"
		        "DEVTYPE=disk\0SUBSYSTEM=block"),
		        "dm-0" },
		{ EVENT("add@/devices/x/net/eth0\0DEVPATH=/devices/x/net/eth0\0SUBSYSTEM=net"),
		        NULL },
		{ EVENT("add@/x\0DEVPATH=/devices/x/block/\0SUBSYSTEM=block\0DEVTYPE=disk"), NULL },
		{ EVENT("add@/x\0DEVPATH=sda\0SUBSYSTEM=block\0DEVTYPE=disk"), NULL },
		{ EVENT("add@/x\0DEVPATH=/sda\0SUBSYSTEM=block\0DEVTYPE=partition"), NULL },
		{ EVENT("add@/x\0DEVPATH=\0SUBSYSTEM=block\0DEVTYPE=partition"), NULL },
		{ EVENT("add@/x\0DEVPATH=/x/sda\0SUBSYSTEM=block"), NULL },
		{ EVENT("add@/x\0SUBSYSTEM=block"), NULL },
		{ EVENT("libudev\0SUBSYSTEM=block\0DEVPATH=/devices/x/block/sda"), NULL },
		{ EVENT("add@/x\0SUBSYSTEM=block\0DEVTYPE=disk\0DEVPATH=/x/block/"
		        "a-name-that-is-longer-than-any-the-kernel-gives"),
		        NULL },
		{ "add@/x\0SUBSYSTEM=block\0DEVPATH=/x/block/sda", 30, NULL }, /* cut off */
		{ "", 0, NULL },
	};
	char name[UEVENT_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(events); i++) {
		bool found = uevent_parse(events[i].message, events[i].len, name);

		if (found != (events[i].disk != NULL) ||
		        (found && strcmp(name, events[i].disk) != 0))
			fail_msg("event %zu: %s", i, found ? name : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantity),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_odd_objects),
		cmocka_unit_test(test_uevent),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
