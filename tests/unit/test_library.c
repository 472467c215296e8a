/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cleanup.h"
#include "library.h"

#define FUNCTIONS(f) f(cbrt) f(hypot)
struct maths {
	FUNCTIONS(SD_LIBRARY_MEMBER)
};
static const char *const names[] = { FUNCTIONS(SD_LIBRARY_NAME) };

static void fills_the_functions_in_order(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct maths maths = { 0 };

	(void)state;
	assert_int_equal(
	        sd_library_load("libm.so.6", names, SD_ARRAY_SIZE(names), &maths, &err), 0);
	assert_true(maths.cbrt(27) > 2.9 && maths.cbrt(27) < 3.1);
	assert_true(maths.hypot(3, 4) > 4.9 && maths.hypot(3, 4) < 5.1);
	/* what is filled is not looked for again, wherever */
	assert_int_equal(
	        sd_library_load("libnone.so.9", names, SD_ARRAY_SIZE(names), &maths, &err), 0);
}

static void says_what_is_missing(void **state)
{
	static const char *const none[] = { "cbrt", "no_such_function" };
	struct sd_error err = SD_ERROR_INIT;
	struct maths maths = { 0 };

	(void)state;
	/* never -ENOENT: callers take that for an answer about a disk */
	assert_int_equal(sd_library_load("libnone.so.9", names, SD_ARRAY_SIZE(names), &maths, &err),
	        -ELIBACC);
	assert_non_null(strstr(err.text, "libnone.so.9"));
	assert_int_equal(
	        sd_library_load("libm.so.6", none, SD_ARRAY_SIZE(none), &maths, &err), -ELIBACC);
	assert_non_null(strstr(err.text, "no_such_function"));
	assert_null(maths.cbrt);
	assert_null(maths.hypot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_the_functions_in_order),
		cmocka_unit_test(says_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
