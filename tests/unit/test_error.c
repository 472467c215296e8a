/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "error.h"
#include "root.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_set_and_wrap(void **state)
{
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	assert_int_equal(sd_error_set(&err, ENOENT, "no %s", "disk"), -ENOENT);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(sd_error_wrap(&err, "volume %d", 7), -ENOENT);
	assert_string_equal(err.text, "volume 7: no disk");
	/* The arguments may be the error's own text. */
	assert_int_equal(sd_error_set(&err, EIO, "%s; and more", err.text), -EIO);
	assert_string_equal(err.text, "volume 7: no disk; and more");
	assert_int_equal(sd_error_errno(&err, EACCES, "cannot open"), -EACCES);
	assert_string_equal(err.text, "cannot open: Permission denied");
	sd_error_clear(&err);
	assert_int_equal(err.code, 0);
	assert_string_equal(err.text, "");
	assert_int_equal(sd_error_set(NULL, EIO, "nobody listens"), -EIO);
}

static void test_long_text_is_cut(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(sd_error_set(&err, EIO, "%s", text), -EIO);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(sd_error_wrap(&err, "%s", text), -EIO);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void test_root_read(void **state)
{
	char root[] = "/tmp/solodisk-root-XXXXXX";
	char small[8];
	char buf[64];
	char path[64];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(root));
	sd_root_set(root);
	assert_int_equal(sd_root_path(path, sizeof(path), "/%s", "attr"), 0);
	assert_int_equal(sd_root_path(small, sizeof(small), "/attr"), -ENAMETOOLONG);
	assert_int_equal(sd_root_read(buf, sizeof(buf), "/attr"), -ENOENT);
	assert_string_equal(buf, "");
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("  a value \nsecond line\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(sd_root_read(buf, sizeof(buf), "/attr"), 0);
	assert_string_equal(buf, "a value");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(root), 0);
	sd_root_set("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_wrap),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_root_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
