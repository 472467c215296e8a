/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "pace.h"

#define S UINT64_C(1000000000)
#define MB UINT64_C(1000000)

static void test_begins_anywhere(void **state)
{
	struct pace pace = { 0 };
	uint64_t left;

	(void)state;
	/* Work that goes on where it was has not done the first part in no time. */
	pace_add(&pace, 7 * S, 900 * MB);
	assert_int_equal(pace_speed(&pace), 0);
	assert_false(pace_left(&pace, 1000 * MB, &left));
	pace_add(&pace, 8 * S, 910 * MB);
	assert_int_equal(pace_speed(&pace), 10 * MB);
	assert_true(pace_left(&pace, 1000 * MB, &left));
	assert_int_equal(left, 9);
}

static void test_is_smooth(void **state)
{
	struct pace pace = { 0 };
	uint64_t now = 0, done = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		pace_add(&pace, now += S, done += 100 * MB);
	assert_int_equal(pace_speed(&pace), 100 * MB);
	pace_add(&pace, now += S, done); /* a second without anything */
	assert_in_range(pace_speed(&pace), 80 * MB, 90 * MB);
	for (int i = 0; i < 60; i++)
		pace_add(&pace, now += S, done += 10 * MB);
	assert_in_range(pace_speed(&pace), 10 * MB, 11 * MB);
}

static void test_ignores_too_short(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	pace_add(&pace, S, 0);
	pace_add(&pace, S + 1, 500 * MB); /* a cache took it */
	assert_int_equal(pace_speed(&pace), 0);
	pace_add(&pace, 2 * S, 500 * MB);
	assert_int_equal(pace_speed(&pace), 500 * MB);
}

static void test_begins_anew(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	pace_add(&pace, S, 100 * MB);
	pace_add(&pace, 2 * S, 200 * MB);
	pace_add(&pace, 3 * S, 50 * MB);
	assert_int_equal(pace_speed(&pace), 0);
	pace_add(&pace, 4 * S, 51 * MB);
	assert_int_equal(pace_speed(&pace), MB);
}

static void test_time_left(void **state)
{
	struct pace pace = { 0 };
	uint64_t left = 77;

	(void)state;
	pace_add(&pace, S, 0);
	pace_add(&pace, 2 * S, 100);
	assert_true(pace_left(&pace, 100, &left));
	assert_int_equal(left, 0);
	assert_true(pace_left(&pace, 101, &left)); /* rounded up: 0 is only the end */
	assert_int_equal(left, 1);
	assert_false(pace_left(&pace, 99, &left));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_anywhere),
		cmocka_unit_test(test_is_smooth),
		cmocka_unit_test(test_ignores_too_short),
		cmocka_unit_test(test_begins_anew),
		cmocka_unit_test(test_time_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
