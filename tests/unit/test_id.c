/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cleanup.h"
#include "id.h"

#include <errno.h>
#include <string.h>

#define ID "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"

static void test_valid(void **state)
{
	static const char *const invalid[] = { "", "1a2b3c4d",
		"1A2B3C4D-5E6F-4A1B-8C2D-3E4F5A6B7C8D", ID "0", " " ID, ID "\n",
		"1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8", "1a2b3c4d5e6f-4a1b-8c2d-3e4f5a6b7c8d-",
		"1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8g", "{a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8}",
		"../../etc/passwd-etc-passwd-etc-pass", "00000000-0000-0000-0000-000000000000" };

	(void)state;
	assert_true(sd_id_is_valid(ID));
	assert_false(sd_id_is_valid(NULL));
	for (size_t i = 0; i < SD_ARRAY_SIZE(invalid); i++)
		assert_false(sd_id_is_valid(invalid[i]));
}

static void test_parse(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	char id[SD_ID_SIZE] = "untouched";

	(void)state;
	assert_int_equal(sd_id_parse("not an ID", id, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not an ID"));
	assert_int_equal(sd_id_parse(NULL, id, &err), -EINVAL);
	assert_int_equal(sd_id_parse("00000000-0000-0000-0000-000000000000", id, &err), -EINVAL);
	assert_string_equal(id, "untouched");
	assert_int_equal(sd_id_parse("1A2B3C4D-5E6F-4a1b-8C2D-3E4F5A6B7C8D", id, &err), 0);
	assert_string_equal(id, ID);
}

/* Random, and marked as such: RFC 4122, version 4, variant 1. */
static void test_new(void **state)
{
	char ids[50][SD_ID_SIZE];
	bool differs[SD_ID_SIZE] = { false };

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(ids); i++) {
		assert_int_equal(sd_id_new(ids[i], NULL), 0);
		assert_true(sd_id_is_valid(ids[i]));
		assert_int_equal(ids[i][14], '4');
		assert_non_null(strchr("89ab", ids[i][19]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[i], ids[k]);
		for (size_t k = 0; k < SD_ID_SIZE; k++)
			differs[k] = differs[k] || ids[i][k] != ids[0][k];
	}
	for (size_t k = 0; k < SD_ID_SIZE - 1; k++)
		assert_int_equal(differs[k], !strchr("-", ids[0][k]) && k != 14);
}

static void test_names(void **state)
{
	static const char *const others[] = { "", "solodisk-", "foreign",
		"solodisk-1a2b3c4d5e6f4a1b8c2d3e4f5a6b7c8",
		"solodisk-1a2b3c4d5e6f4a1b8c2d3e4f5a6b7c8dd",
		"solodisk-1A2b3c4d5e6f4a1b8c2d3e4f5a6b7c8d",
		"solodisk-00000000000000000000000000000000",
		"Solodisk-1a2b3c4d5e6f4a1b8c2d3e4f5a6b7c8d",
		"solodisk-1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b" };
	char mapping[SD_MAPPING_NAME_SIZE], pv[SD_PV_NAME_SIZE], id[SD_ID_SIZE] = "untouched";

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(others); i++) {
		assert_int_equal(sd_id_from_mapping_name(others[i], id), -EINVAL);
		assert_string_equal(id, "untouched");
	}
	assert_int_equal(
	        sd_id_from_mapping_name("solodisk-1a2b3c4d5e6f4a1b8c2d3e4f5a6b7c8d", id), 0);
	assert_string_equal(id, ID);
	sd_id_mapping_name(ID, mapping);
	assert_string_equal(mapping, "solodisk-1a2b3c4d5e6f4a1b8c2d3e4f5a6b7c8d");
	sd_id_pv_name(ID, pv);
	assert_string_equal(pv, "solodisk." ID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
