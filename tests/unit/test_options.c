/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"
#include "json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "0a1b2c3d-1111-4222-8333-444444444444"
/* 32 bytes of 'k' */
#define KEY32 "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="

static int parse(const char *json, struct sd_options *ret, struct sd_error *err)
{
	return sd_options_parse(json, strlen(json), ret, err);
}

static void test_everything(void **state)
{
	static const char json[] =
	        "{\"volumeID\": \"" ID "\", \"wwid\": \"eui.1\", \"encryption\": \"luks2\","
	        " \"key\": \"secret:key\", \"mountOptions\": \"noatime\","
	        " \"kubernetes.io/fsType\": \"xfs\", \"kubernetes.io/readwrite\": \"ro\","
	        " \"kubernetes.io/pvOrVolumeName\": \"solodisk." ID "\","
	        " \"kubernetes.io/pod.name\": \"p\", \"kubernetes.io/secret/key\": \"" KEY32 "\"}";
	struct sd_options options;
	struct sd_error err = SD_ERROR_INIT;
	struct sd_key key;

	(void)state;
	assert_int_equal(parse(json, &options, &err), 0);
	assert_string_equal(options.volume_id, ID);
	assert_string_equal(options.wwid, "eui.1");
	assert_true(options.luks);
	assert_true(options.read_only);
	assert_string_equal(options.mount_options, "noatime");
	assert_string_equal(options.fs_type, "xfs");
	assert_string_equal(options.pv_name, "solodisk." ID);
	assert_int_equal(options.n_secrets, 1);
	assert_int_equal(options.key.n, 1);
	assert_string_equal(options.key.part[0].name, "key");
	assert_string_equal(options.key_text, "secret:key");
	assert_int_equal(sd_options_secret(&options, "key", &key, &err), 0);
	assert_int_equal(key.size, 32);
	assert_memory_equal(key.data, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 32);
	sd_key_free(&key);
	sd_options_free(&options);
	sd_options_free(&options);
}

static void test_empty_fs_type_means_any(void **state)
{
	struct sd_options options;

	(void)state;
	assert_int_equal(
	        parse("{\"volumeID\": \"" ID "\", \"kubernetes.io/fsType\": \"\"}", &options, NULL),
	        0);
	assert_null(options.fs_type);
	assert_false(options.read_only);
	sd_options_free(&options);
}

static void test_refused(void **state)
{
	static const struct {
		const char *json;
		const char *text; /* in the error */
	} cases[] = {
		{ "{}", "volumeID" },
		{ "[]", "object" },
		{ "{\"volumeID\": \"" ID "\"} x", "behind its end" },
		{ "{\"volumeID\": 1}", "volumeID" },
		{ "{\"volumeID\": \"0A1B2C3D-1111-4222-8333-444444444444\"}", "lower case" },
		{ "{\"volumeID\": \"" ID "\", \"volumeID\": \"" ID "\"}", "twice" },
		{ "{\"volumeID\": \"" ID "\", \"fstype\": \"xfs\"}", "\"fstype\"" },
		{ "{\"volumeID\": \"" ID "\", \"encryption\": \"luks1\"}", "luks2" },
		{ "{\"volumeID\": \"" ID "\", \"key\": \"secret:a\"}", "encryption" },
		{ "{\"volumeID\": \"" ID "\", \"encryption\": \"luks2\", \"key\": \"secret:../a\"}",
		        "key" },
		{ "{\"volumeID\": \"" ID "\", \"encryption\": \"luks2\", \"key\": \"secret:\"}",
		        "key" },
		{ "{\"volumeID\": \"" ID "\", \"encryption\": \"luks2\", \"key\": \"literal\"}",
		        "key" },
		{ "{\"device\": \"relative\"}", "device" },
		{ "{\"device\": \"/dev/sda\", \"kubernetes.io/pvOrVolumeName\": \"data\"}",
		        "hand" },
		{ "{\"volumeID\": \"" ID "\", \"wwid\": \"a\\nb\"}", "control" },
		{ "{\"volumeID\": \"" ID "\", \"wwid\": \"\"}", "wwid" },
		{ "{\"volumeID\": \"" ID "\", \"kubernetes.io/readwrite\": \"maybe\"}",
		        "readwrite" },
		{ "{\"volumeID\": \"" ID "\", \"kubernetes.io/pvOrVolumeName\": \"a/b\"}",
		        "pvOrVolumeName" },
		{ "{\"volumeID\": \"" ID "\", \"kubernetes.io/secret/../x\": \"" KEY32 "\"}",
		        "Secret" },
		{ "{\"volumeID\": \"" ID "\", \"kubernetes.io/secret/x\": 7}", "Secret" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_options options;
		struct sd_error err = SD_ERROR_INIT;

		if (parse(cases[i].json, &options, &err) != -EINVAL ||
		        !strstr(err.text, cases[i].text))
			fail_msg("%s: %d, %s", cases[i].json, err.code, err.text);
	}
}

/* An error never quotes what may be a secret. */
static void test_error_hides_values(void **state)
{
	static const char *const cases[] = {
		"{\"volumeID\": \"" ID "\", \"kubernetes.io/secret/x\": \"SWORDFISH!\"}",
		"{\"volumeID\": \"" ID "\", \"kubernetes.io/secret/x\": \"SWORDFISH",
		"{\"kubernetes.io/secret/x\": \"SWORDFISH\" SWORDFISH}",
		"SWORDFISH",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_options options;
		struct sd_error err = SD_ERROR_INIT;

		assert_true(parse(cases[i], &options, &err) < 0);
		assert_null(strstr(err.text, "SWORDFISH"));
	}
}

static void test_secret_that_is_missing(void **state)
{
	static const char *const cases[] = {
		"\"wwid\": \"x\"",
		"\"kubernetes.io/secret/b\": \"" KEY32 "\"",
		"\"kubernetes.io/secret/a.previous\": \"" KEY32 "\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_options options;
		struct sd_key key;
		char json[512];

		(void)snprintf(json, sizeof(json), "{\"volumeID\": \"" ID "\", %s}", cases[i]);
		assert_int_equal(parse(json, &options, NULL), 0);
		assert_int_equal(sd_options_secret(&options, "a", &key, NULL), -ENOKEY);
		sd_options_free(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_empty_fs_type_means_any),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_error_hides_values),
		cmocka_unit_test(test_secret_that_is_missing),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
