/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"
#include "root.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "0a1b2c3d-1111-4222-8333-444444444444"
#define OTHER "0a1b2c3d-1111-4222-8333-555555555555"

static char root[] = "/tmp/solodisk-record-XXXXXX";

static void record_file(const char *id, char *buf, size_t size)
{
	assert_int_equal(sd_root_path(buf, size, "/run/solodisk/volume/%s.json", id), 0);
}

static void test_round_trip(void **state)
{
	struct sd_record record = { .id = ID,
		.stage_is_ours = true,
		.devno = 0x10302,
		.stage_is_new = true,
		.call = "token" };
	struct sd_record read;
	char path[256];
	char id[SD_ID_SIZE];

	(void)state;
	assert_int_equal(sd_record_set(&record.stage, "/stage", NULL), 0);
	assert_int_equal(sd_record_set(&record.doing, "/doing", NULL), 0);
	assert_int_equal(sd_record_add_target(&record, "/a", NULL), 0);
	assert_int_equal(sd_record_add_target(&record, "/b \"quoted\"", NULL), 0);
	assert_int_equal(sd_record_add_target(&record, "/a", NULL), 0);
	assert_int_equal(sd_record_write(&record, NULL), 0);

	assert_int_equal(sd_record_read(ID, &read, NULL), 0);
	assert_string_equal(read.id, ID);
	assert_string_equal(read.stage, "/stage");
	assert_string_equal(read.doing, "/doing");
	assert_string_equal(read.call, "token");
	assert_true(read.stage_is_ours);
	assert_int_equal(read.devno, 0x10302);
	assert_true(read.stage_is_new);
	assert_false(read.committed);
	assert_int_equal(read.n_targets, 2);
	assert_true(sd_record_has_target(&read, "/b \"quoted\""));

	assert_int_equal(sd_record_find("/a", id, NULL), 1);
	assert_string_equal(id, ID);
	assert_int_equal(sd_record_find("/stage", id, NULL), 1);
	assert_int_equal(sd_record_find("/doing", id, NULL), 1);
	assert_int_equal(sd_record_find("/", id, NULL), 0);

	/* The last of it gone, the file goes too. */
	sd_record_remove_target(&read, "/a");
	sd_record_remove_target(&read, "/b \"quoted\"");
	assert_int_equal(sd_record_set(&read.stage, NULL, NULL), 0);
	assert_int_equal(sd_record_set(&read.doing, NULL, NULL), 0);
	assert_int_equal(sd_record_write(&read, NULL), 0);
	record_file(ID, path, sizeof(path));
	assert_int_equal(access(path, F_OK), -1);
	sd_record_free(&read);
	sd_record_free(&record);
}

static void test_absent_is_empty(void **state)
{
	struct sd_record record;

	(void)state;
	assert_int_equal(sd_record_read(OTHER, &record, NULL), 0);
	assert_string_equal(record.id, OTHER);
	assert_null(record.stage);
	assert_int_equal(record.n_targets, 0);
	sd_record_free(&record);
}

/* A record that cannot be read is an error, not an empty one: its mounts would be forgotten. */
static void test_broken_is_an_error(void **state)
{
	struct sd_record record = { .id = OTHER };
	struct sd_record read;
	struct sd_error err = SD_ERROR_INIT;
	char id[SD_ID_SIZE];
	char path[256];
	FILE *f;

	(void)state;
	assert_int_equal(sd_record_set(&record.stage, "/x", NULL), 0);
	assert_int_equal(sd_record_write(&record, NULL), 0);
	record_file(OTHER, path, sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("{\"stage\": 7}", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(sd_record_read(OTHER, &read, &err), -EINVAL);
	assert_non_null(strstr(err.text, OTHER));
	assert_int_equal(sd_record_find("/y", id, &err), -EINVAL);
	assert_int_equal(unlink(path), 0);
	sd_record_free(&record);
}

static int set_up(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(root))
		return -1;
	sd_root_set(root);
	return sd_root_path(path, sizeof(path), "/run") || mkdir(path, 0755);
}

static int tear_down(void **state)
{
	static const char *const dirs[] = { "/run/solodisk/volume", "/run/solodisk", "/run", "" };
	char path[256];
	int r = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		r |= sd_root_path(path, sizeof(path), "%s", dirs[i]) || rmdir(path);
	return r; /* a directory that is not empty: a file was left behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_absent_is_empty),
		cmocka_unit_test(test_broken_is_an_error),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
