/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The PersistentVolume of a directory's entry: what must be as the static provisioner has it. */

#include "cleanup.h"
#include "pv_local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Published test vectors of FNV-1a; and the hash has as many digits as it needs. */
static void test_name(void **state)
{
	static const struct {
		const char *entry, *node, *storage_class, *name;
	} cases[] = {
		{ "foo", "bar", "", "local-pv-bf9cf968" },
		{ "f", "oo", "bar", "local-pv-bf9cf968" },
		{ "", "", "", "local-pv-811c9dc5" },
		{ "a", "", "", "local-pv-e40c292c" },
		{ "vol16", "node-1", "local-storage", "local-pv-e30ee8e" },
	};
	char name[PV_LOCAL_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		pv_local_name(cases[i].entry, cases[i].node, cases[i].storage_class, name);
		assert_string_equal(name, cases[i].name);
	}
}

static void test_capacity(void **state)
{
	static const struct {
		uint64_t bytes, rounded;
	} cases[] = {
		{ 0, 0 },
		{ 10485759, 10485759 },
		{ 10485760, 10485760 },
		{ 10485761, 10485760 },
		{ 10737418239, 10736369664 },
		{ 10737418240, 10737418240 },
		{ 11811160063, 10737418240 },
		{ UINT64_C(1) << 60, UINT64_C(1) << 60 },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++)
		assert_int_equal(pv_local_capacity(cases[i].bytes), cases[i].rounded);
}

static void check(const struct pv_local *pv, const char *expected)
{
	_cleanup_json_ sd_json *json = NULL;
	_cleanup_free_ char *line = NULL;

	assert_int_equal(pv_local_make(pv, &json, NULL), 0);
	line = sd_json_line(json);
	assert_non_null(line);
	assert_string_equal(line, expected);
}

#define AFFINITY                                                                                  \
	"\"nodeAffinity\":{\"required\":{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":" \
	"\"kubernetes.io/hostname\",\"operator\":\"In\",\"values\":[\"host\"]}]}]}}"

static void test_objects(void **state)
{
	static const char labels[] = "{\"tier\":\"fast\",\"app.kubernetes.io/managed-by\":\"x\"}";
	_cleanup_json_ sd_json *json = NULL;
	struct pv_local pv = {
		.name = "local-pv-1",
		.path = "/mnt/disks/a",
		.capacity = 10737418240,
		.mode = VOLUME_FILESYSTEM,
		.content = "uuid:1-2",
		.hostname = "host",
		.storage_class = "local",
		.reclaim = RECLAIM_DELETE,
	};

	(void)state;
	check(&pv,
	        "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":"
	        "\"local-pv-1\",\"labels\":{\"app.kubernetes.io/managed-by\":\"solodisk\","
	        "\"solodisk.io/node\":\"host\"},\"annotations\":{\"pv.kubernetes.io/"
	        "provisioned-by\":\"solodisk.io/node\",\"solodisk.io/content\":\"uuid:1-2\"}},"
	        "\"spec\":{\"capacity\":{\"storage\":\"10737418240\"},\"volumeMode\":"
	        "\"Filesystem\",\"accessModes\":[\"ReadWriteOnce\"],"
	        "\"persistentVolumeReclaimPolicy\":\"Delete\",\"storageClassName\":\"local\"," AFFINITY
	        ",\"local\":{\"path\":\"/mnt/disks/a\"}}}");
	assert_int_equal(sd_json_parse(labels, strlen(labels), &json, NULL), 0);
	pv.labels = json;
	pv.mode = VOLUME_BLOCK;
	pv.content = "";
	pv.shared = true;
	pv.reclaim = RECLAIM_RETAIN;
	check(&pv,
	        "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":"
	        "\"local-pv-1\",\"labels\":{\"tier\":\"fast\",\"app.kubernetes.io/managed-by\":"
	        "\"solodisk\",\"solodisk.io/node\":\"host\"},\"annotations\":{\"pv.kubernetes.io/"
	        "provisioned-by\":\"solodisk.io/node\",\"solodisk.io/shared-filesystem\":\"true\"}"
	        "},\"spec\":{\"capacity\":{\"storage\":\"10737418240\"},\"volumeMode\":\"Block\","
	        "\"accessModes\":[\"ReadWriteOnce\"],\"persistentVolumeReclaimPolicy\":"
	        "\"Retain\",\"storageClassName\":\"local\"," AFFINITY
	        ",\"local\":{\"path\":\"/mnt/disks/a\"}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_objects),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
