/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A volume, freshly made, on an image: what the tests of mark.c and volume.c begin with. */

#include "image.h"

#include "volume.h"

#include <errno.h>

#define SIZE (80 * MIB)
#define ID "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define OTHER_ID "9a8b7c6d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define ENTRIES_SIZE (128 * 128)

struct fixture {
	struct image image;
	struct sd_volume volume;
	struct sd_error err;
};

static struct fixture f;
static unsigned sector; /* bytes: each test runs with both sizes */

static inline int setup(void **state)
{
	sector = *(unsigned *)*state;
	memset(&f, 0, sizeof(f));
	f.volume.disk_fd = -1;
	image_open(&f.image, SIZE, sector);
	assert_int_equal(sd_volume_create(f.image.fd, &f.image.disk, ID, &f.volume, &f.err), 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	sd_volume_close(&f.volume);
	image_close(&f.image);
	return 0;
}

/* The tests write behind the core's back: it is to see the image's size too. */
static inline void resize(uint64_t size)
{
	image_resize(&f.image, size);
	f.volume.disk.size = size;
}

static inline int read_mark(struct sd_mark *ret)
{
	memset(ret, 0, sizeof(*ret));
	sd_error_clear(&f.err);
	return sd_volume_read_mark(f.image.fd, &f.image.disk, ret, &f.err);
}

static inline void mark_is(const char *id, enum sd_state state)
{
	struct sd_mark mark;

	assert_int_equal(read_mark(&mark), 0);
	assert_string_equal(mark.id, id);
	assert_int_equal(mark.state, state);
	assert_false(mark.needs_repair);
}

static inline void set_state(enum sd_state state, int expected)
{
	unsigned char *before = image_copy(&f.image), *now;

	sd_error_clear(&f.err);
	assert_int_equal(sd_volume_set_state(&f.volume, state, &f.err), expected);
	if (expected < 0) {
		assert_string_not_equal(f.err.text, "");
		image_is_unchanged(&f.image, before);
		return;
	}
	mark_is(f.volume.mark.id, state);
	/* nothing but the tables: not a byte between them */
	now = image_copy(&f.image);
	assert_int_equal(memcmp(now + MIB, before + MIB, f.image.disk.size - 2 * MIB), 0);
	free(now);
	free(before);
}

static unsigned sector_sizes[] = { 512, 4096 };

#define BOTH(test)                                                     \
	{ #test " 512", test, setup, teardown, &sector_sizes[0] },     \
	{                                                              \
#test " 4096", test, setup, teardown, &sector_sizes[1] \
	}

/* For a test that needs a program which knows images of 512-byte sectors alone. */
#define ONE(test)                                              \
	{                                                      \
#test, test, setup, teardown, &sector_sizes[0] \
	}
