/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries without a table count as blank only if every bit of them is what solodisk writes. */

#include "cleanup.h"
#include "volume_image.h"

#include "remains.h"

/* Where the two arrays of entries lie. */
static uint64_t primary, backup;
static unsigned char entries[ENTRIES_SIZE];

/* The disk as a creation that was cut off leaves it: the volume's entries at offset, all else zero. */
static void only_entries(uint64_t offset)
{
	image_fill(&f.image, 0, 0, MIB);
	image_fill(&f.image, SIZE - MIB, 0, MIB);
	image_write(&f.image, offset, entries, sizeof(entries));
}

static int remains_setup(void **state)
{
	int r = setup(state);

	primary = 2 * (uint64_t)sector;
	backup = SIZE - sector - ENTRIES_SIZE;
	image_read(&f.image, primary, entries, sizeof(entries));
	only_entries(backup);
	return r;
}

static int find(void)
{
	char id[SD_ID_SIZE] = "";
	int r = sd_remains_find(f.image.fd, &f.image.disk, id, &f.err);

	assert_string_equal(id, r == 1 ? ID : "");
	return r;
}

static void test_found(void **state)
{
	(void)state;
	assert_int_equal(find(), 1);
	only_entries(primary);
	assert_int_equal(find(), 1);
	image_fill(&f.image, MIB, 0xa5, MIB); /* between the ends is nobody's mark */
	assert_int_equal(find(), 1);
}

static void test_not_both_nor_none(void **state)
{
	(void)state;
	image_write(&f.image, primary, entries, sizeof(entries));
	assert_int_equal(find(), 0);
	only_entries(0);
	assert_int_equal(find(), 0);
	image_fill(&f.image, 0, 0, MIB);
	assert_int_equal(find(), 0);
}

/* One bit of a byte, wherever it is, makes it somebody else's. */
static void test_nothing_else(void **state)
{
	const uint64_t places[] = { 0, 510, sector, sector + 511, primary, primary + 130,
		primary + ENTRIES_SIZE, 512 << 10, MIB - 1, SIZE - MIB, backup - 1, backup + 128,
		backup + 128 + 64, backup + ENTRIES_SIZE - 1, SIZE - sector, SIZE - 1 };

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(places); i++) {
		image_fill(&f.image, places[i], 1, 1);
		if (find() != 0)
			fail_msg("byte %llu did not matter", (unsigned long long)places[i]);
		image_fill(&f.image, places[i], 0, 1);
		only_entries(backup);
	}
	assert_int_equal(find(), 1);
}

/* Each byte of the entry counts, but for those that only say where within the disk it lies, and the
 * digits of the GUID that its name does not repeat: another volume ID, then. */
static void test_each_byte(void **state)
{
	unsigned char changed;

	(void)state;
	for (uint64_t byte = 0; byte < 128; byte++) {
		if (byte >= 20 && byte < 48)
			continue;
		changed = entries[byte] ^ (unsigned char)(1 << byte % 8);
		image_write(&f.image, backup + byte, &changed, 1);
		if (find() != 0)
			fail_msg("byte %llu did not matter", (unsigned long long)byte);
		image_write(&f.image, backup + byte, &entries[byte], 1);
	}
	assert_int_equal(find(), 1);
}

static void bounds_are(uint64_t first, uint64_t last, int expected)
{
	uint64_t lbas[] = { first, last };

	image_write(&f.image, backup + 32, lbas,
	        sizeof(lbas)); /* the tests run on little-endian alone */
	assert_int_equal(find(), expected);
}

static void test_bounds(void **state)
{
	const uint64_t first = MIB / sector, last = (SIZE - MIB) / sector - 1;

	(void)state;
	bounds_are(first, last, 1);
	bounds_are(first, first + 1, 1);
	bounds_are(first, last + 1, 0);
	bounds_are(first + 1, last, 0);
	bounds_are(0, last, 0);
	bounds_are(last, first, 0);
	bounds_are(first, UINT64_MAX, 0);
	bounds_are(UINT64_MAX, UINT64_MAX, 0);
}

/* Only what holds nothing: entries of any other state may have had a tenant's data under them. */
static void test_other_states(void **state)
{
	static const enum sd_state states[] = { SD_STATE_READY, SD_STATE_USED, SD_STATE_ERASING,
		SD_STATE_FAILED };

	for (size_t i = 0; i < SD_ARRAY_SIZE(states); i++) {
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
		if (states[i] != SD_STATE_FAILED)
			set_state(SD_STATE_READY, 0);
		if (states[i] == SD_STATE_ERASING)
			set_state(SD_STATE_USED, 0);
		set_state(states[i], 0);
		image_read(&f.image, primary, entries, sizeof(entries));
		only_entries(backup);
		assert_int_equal(find(), 0);
		only_entries(primary);
		assert_int_equal(find(), 0);
	}
}

static void test_cleared(void **state)
{
	char id[SD_ID_SIZE];

	(void)state;
	only_entries(primary);
	assert_int_equal(sd_volume_clear_remains(f.image.fd, &f.image.disk, id, &f.err), 0);
	assert_string_equal(id, ID);
	assert_int_equal(find(), 0);
	assert_int_equal(sd_volume_clear_remains(f.image.fd, &f.image.disk, id, &f.err), -ENOENT);
	image_fill(&f.image, MIB - 1, 1, 1);
	only_entries(backup);
	image_fill(&f.image, MIB - 1, 1, 1);
	assert_int_equal(sd_volume_clear_remains(f.image.fd, &f.image.disk, id, &f.err), -ENOENT);
	assert_int_equal(find(), 0);
}

#define EACH(test)                                                             \
	{ #test " 512", test, remains_setup, teardown, &sector_sizes[0] },     \
	{                                                                      \
#test " 4096", test, remains_setup, teardown, &sector_sizes[1] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_found),
		EACH(test_not_both_nor_none),
		EACH(test_nothing_else),
		EACH(test_each_byte),
		EACH(test_bounds),
		EACH(test_other_states),
		EACH(test_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
