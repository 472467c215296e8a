/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct sd_error *err)
{
	sd_json *json = NULL;
	int r = sd_json_parse(text, strlen(text), &json, err);

	if (r == 0)
		sd_json_free(json);
	return r;
}

static void test_refused(void **state)
{
	static const char *const cases[] = { "", "nothing", "[]", "null", "\"text\"", "{", "{} {}",
		"{\"a\": 1, \"a\": 2}", "{\"a\": \"\\u0000\"}", "{\"\\u0000\": 1}",
		"{\"a\": 1e999}", "{\"a\": \"\xff\"}", "{'a': 1}", "{\"a\": }" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_error err = SD_ERROR_INIT;

		if (parse(cases[i], &err) != -EINVAL || !err.text[0])
			fail_msg("%s was taken", cases[i]);
	}
}

static void test_depth(void **state)
{
	char text[4096] = "";

	(void)state;
	for (int i = 0; i < 64; i++)
		strcat(text, "{\"a\":");
	strcat(text, "1");
	for (int i = 0; i < 64; i++)
		strcat(text, "}");
	assert_int_equal(parse(text, NULL), 0);
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 65; i++)
		strcat(text, "{\"a\":");
	assert_int_equal(parse(text, NULL), -EINVAL);
	/* Brackets in a string are text. */
	memset(text, 0, sizeof(text));
	strcat(text, "{\"a\": \"\\\"");
	memset(text + strlen(text), '[', 1000);
	strcat(text, "\"}");
	assert_int_equal(parse(text, NULL), 0);
}

static void test_building(void **state)
{
	sd_json *json = sd_json_object();
	sd_json *list = sd_json_array();
	char *line;

	(void)state;
	assert_int_equal(sd_json_set_string(json, "z", "a\nb"), 0);
	assert_int_equal(sd_json_set_string(json, "none", NULL), 0);
	assert_int_equal(sd_json_set_int(json, "n", -5), 0);
	assert_int_equal(sd_json_set_bool(json, "b", 1), 0);
	assert_int_equal(sd_json_append(list, sd_json_string("x")), 0);
	assert_int_equal(sd_json_set(json, "a", list), 0);
	/* A name on a disk need not be text; the answer must be. */
	assert_int_equal(sd_json_set_string(json, "bytes", "a\xff"), 0);
	line = sd_json_line(json);
	assert_string_equal(
	        line, "{\"z\":\"a\\nb\",\"n\":-5,\"b\":true,\"a\":[\"x\"],\"bytes\":\"a?\"}");
	free(line);
	sd_json_free(json);
}

static void test_reading(void **state)
{
	static const char text[] = "{\"s\": \"x\", \"b\": false, \"n\": 3}";
	struct sd_error err = SD_ERROR_INIT;
	const char *string = NULL;
	int64_t number = 0;
	sd_json *json;
	int boolean = 1;

	(void)state;
	assert_int_equal(sd_json_parse(text, strlen(text), &json, NULL), 0);
	assert_int_equal(sd_json_get_string(json, "s", &string, &err), 1);
	assert_string_equal(string, "x");
	assert_int_equal(sd_json_get_bool(json, "b", &boolean, &err), 1);
	assert_false(boolean);
	assert_int_equal(sd_json_get_int(json, "n", &number, &err), 1);
	assert_int_equal(number, 3);
	assert_int_equal(sd_json_get_string(json, "absent", &string, &err), 0);
	assert_int_equal(sd_json_get_string(json, "n", &string, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"n\""));
	assert_int_equal(sd_json_get_bool(json, "s", &boolean, &err), -EINVAL);
	assert_int_equal(sd_json_get_int(json, "s", &number, &err), -EINVAL);
	sd_json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_reading),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
