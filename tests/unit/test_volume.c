/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark on images: written, read, changed, torn, repaired, refused; with both sector sizes. */

#include "image.h"

#include "gpt.h"
#include "mark.h"
#include "volume.h"

#include <errno.h>

#define SIZE (80 * MIB)
#define ID "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define OTHER_ID "9a8b7c6d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"

struct fixture {
	struct image image;
	struct sd_volume volume;
	struct sd_error err;
};

static struct fixture f;
static unsigned sector;

static int setup(void **state)
{
	sector = *state ? *(unsigned *)*state : 512;
	memset(&f, 0, sizeof(f));
	f.volume.disk_fd = -1;
	image_open(&f.image, SIZE, sector);
	assert_int_equal(sd_volume_create(f.image.fd, &f.image.disk, ID, &f.volume, &f.err), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sd_volume_close(&f.volume);
	image_close(&f.image);
	return 0;
}

/* Reads the mark; returns what the core does. */
static int read_mark(struct sd_mark *ret)
{
	memset(ret, 0, sizeof(*ret));
	sd_error_clear(&f.err);
	return sd_volume_read_mark(f.image.fd, &f.image.disk, ret, &f.err);
}

static void mark_is(const char *id, enum sd_state state)
{
	struct sd_mark mark;

	assert_int_equal(read_mark(&mark), 0);
	assert_string_equal(mark.id, id);
	assert_int_equal(mark.state, state);
	assert_false(mark.needs_repair);
}

static void test_create(void **state)
{
	struct sd_gpt gpt;

	(void)state;
	mark_is(ID, SD_STATE_PREPARING);
	assert_int_equal(f.volume.mark.start, MIB);
	assert_int_equal(f.volume.mark.size, SIZE - 2 * MIB);
	assert_int_equal(sd_gpt_read(f.image.fd, SIZE, sector, &gpt, &f.err), 0);
	assert_true(sd_gpt_agrees(&gpt));
	assert_true(gpt.protective_mbr);
	assert_string_equal(gpt.primary.type, SD_PARTITION_TYPE);
	assert_string_equal(gpt.primary.name, "solodisk-preparing-1a2b3c4d");
	assert_int_equal(gpt.primary.other_lba, SIZE / sector - 1);
}

static void set_state(enum sd_state state, int expected)
{
	unsigned char *before = image_copy(&f.image);

	sd_error_clear(&f.err);
	assert_int_equal(sd_volume_set_state(&f.volume, state, &f.err), expected);
	if (expected < 0) {
		assert_string_not_equal(f.err.text, "");
		image_is_unchanged(&f.image, before);
		return;
	}
	mark_is(f.volume.mark.id, state);
	/* nothing but the tables: not a byte of the partition */
	{
		unsigned char *now = image_copy(&f.image);

		assert_int_equal(memcmp(now + MIB, before + MIB, SIZE - 2 * MIB), 0);
		free(now);
	}
	free(before);
}

static void test_states(void **state)
{
	(void)state;
	image_fill(&f.image, MIB, 0xa5, 64 * 1024);
	set_state(SD_STATE_USED, -EINVAL);
	set_state(SD_STATE_ERASING, -EINVAL);
	set_state(SD_STATE_PREPARING, 0);
	set_state(SD_STATE_READY, 0);
	set_state(SD_STATE_READY, 0);
	set_state(SD_STATE_FAILED, -EINVAL);
	set_state(SD_STATE_PREPARING, -EINVAL);
	set_state(SD_STATE_USED, 0);
	set_state(SD_STATE_READY, -EINVAL);
	set_state(SD_STATE_FAILED, -EINVAL);
	assert_int_equal(sd_volume_renew(&f.volume, OTHER_ID, &f.err), -EINVAL);
	set_state(SD_STATE_ERASING, 0);
	set_state(SD_STATE_USED, -EINVAL);
	set_state(SD_STATE_FAILED, 0);
	set_state(SD_STATE_READY, -EINVAL);
	set_state(SD_STATE_ERASING, 0);
	assert_int_equal(sd_volume_renew(&f.volume, "nonsense", &f.err), -EINVAL);
	assert_int_equal(sd_volume_renew(&f.volume, OTHER_ID, &f.err), 0);
	mark_is(OTHER_ID, SD_STATE_PREPARING);
	assert_int_equal(sd_volume_renew(&f.volume, ID, &f.err), 0);
	mark_is(ID, SD_STATE_PREPARING);
	set_state(SD_STATE_READY, 0);
	set_state(SD_STATE_ERASING, 0);
}

#define BOTH(test)                                                                                 \
	{ #test " 512", test, setup, teardown, &sectors[0] },                                      \
	{                                                                                          \
		#test " 4096", test, setup, teardown, &sectors[1]                                  \
	}

int main(void)
{
	static unsigned sectors[] = { 512, 4096 };
	const struct CMUnitTest tests[] = {
		BOTH(test_create),
		BOTH(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
