/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume's life on an image: made, its states, renewed, grown, given back. */

#include "volume_image.h"

#include "gpt.h"

static bool all_zero(void)
{
	unsigned char *bytes = image_copy(&f.image);
	bool zero = !bytes[0] && !memcmp(bytes, bytes + 1, f.image.disk.size - 1);

	free(bytes);
	return zero;
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

/* What a forced preparation may find: everything at both ends goes. */
static void test_create_over_content(void **state)
{
	static unsigned char zero[4096];
	unsigned char at_start[4096], at_end[4096];

	(void)state;
	sd_volume_close(&f.volume);
	image_fill(&f.image, 0, 0xa5, SIZE);
	assert_int_equal(flock(f.image.fd, LOCK_EX), 0);
	assert_int_equal(
	        sd_volume_create(f.image.fd, &f.image.disk, OTHER_ID, &f.volume, &f.err), 0);
	mark_is(OTHER_ID, SD_STATE_PREPARING);
	image_read(&f.image, MIB - sizeof(at_start), at_start, sizeof(at_start));
	image_read(&f.image, SIZE - MIB, at_end, sizeof(at_end));
	assert_memory_equal(at_start, zero, sizeof(zero));
	assert_memory_equal(at_end, zero, sizeof(zero));
}

static void test_create_refuses(void **state)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_disk small = f.image.disk;
	unsigned char *before = image_copy(&f.image);

	(void)state;
	small.size = SD_DISK_MIN_SIZE - MIB;
	assert_int_equal(sd_volume_create(f.image.fd, &small, OTHER_ID, &volume, &f.err), -EINVAL);
	assert_int_equal(
	        sd_volume_create(f.image.fd, &f.image.disk, "no-id", &volume, &f.err), -EINVAL);
	image_is_unchanged(&f.image, before);
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
	set_state(SD_STATE_ERASING, 0);
	set_state(SD_STATE_USED, -EINVAL);
	set_state(SD_STATE_READY, -EINVAL);
	set_state(SD_STATE_FAILED, 0);
	set_state(SD_STATE_READY, -EINVAL);
	set_state(SD_STATE_ERASING, 0);
}

static void test_ready_to_erasing(void **state)
{
	(void)state;
	set_state(SD_STATE_READY, 0);
	set_state(SD_STATE_ERASING, 0);
}

static void test_preparing_to_failed(void **state)
{
	(void)state;
	set_state(SD_STATE_FAILED, 0);
	set_state(SD_STATE_USED, -EINVAL);
}

static void renew_is_refused(void)
{
	unsigned char *before = image_copy(&f.image);

	assert_int_equal(sd_volume_renew(&f.volume, OTHER_ID, &f.err), -EINVAL);
	image_is_unchanged(&f.image, before);
}

static void test_renew(void **state)
{
	(void)state;
	assert_int_equal(sd_volume_renew(&f.volume, OTHER_ID, &f.err), 0);
	mark_is(OTHER_ID, SD_STATE_PREPARING);
	set_state(SD_STATE_READY, 0);
	renew_is_refused();
	set_state(SD_STATE_USED, 0);
	renew_is_refused();
	set_state(SD_STATE_ERASING, 0);
	assert_int_equal(sd_volume_renew(&f.volume, "no-id", &f.err), -EINVAL);
	assert_int_equal(sd_volume_renew(&f.volume, ID, &f.err), 0);
	mark_is(ID, SD_STATE_PREPARING);
	assert_string_equal(f.volume.mark.id, ID);
	set_state(SD_STATE_FAILED, 0);
	renew_is_refused();
}

static void test_needs_exclusive_lock(void **state)
{
	unsigned char *before = image_copy(&f.image);

	(void)state;
	f.volume.lock = LOCK_SH;
	assert_int_equal(sd_volume_set_state(&f.volume, SD_STATE_READY, &f.err), -ENOLCK);
	assert_int_equal(sd_volume_renew(&f.volume, OTHER_ID, &f.err), -ENOLCK);
	assert_int_equal(sd_volume_grow(&f.volume, &f.err), -ENOLCK);
	assert_int_equal(sd_volume_remove(&f.volume, &f.err), -ENOLCK);
	image_is_unchanged(&f.image, before);
}

/* Somebody replaced the volume behind an open handle. */
static void test_stale_handle(void **state)
{
	struct sd_volume old = f.volume;

	(void)state;
	assert_int_equal(sd_volume_renew(&f.volume, OTHER_ID, &f.err), 0);
	assert_int_equal(sd_volume_set_state(&old, SD_STATE_READY, &f.err), -ESTALE);
	mark_is(OTHER_ID, SD_STATE_PREPARING);
}

static void test_grow(void **state)
{
	const uint64_t grown = SIZE + 9 * MIB + 4096;
	struct sd_mark mark;

	(void)state;
	set_state(SD_STATE_READY, 0);
	set_state(SD_STATE_USED, 0);
	resize(grown);
	assert_int_equal(read_mark(&mark), 0);
	assert_true(mark.disk_grew);
	assert_false(mark.needs_repair);
	assert_int_equal(sd_volume_grow(&f.volume, &f.err), 0);
	assert_int_equal(read_mark(&mark), 0);
	assert_false(mark.disk_grew);
	assert_int_equal(mark.start, MIB);
	assert_int_equal(mark.start + mark.size, SIZE + 8 * MIB);
	mark_is(ID, SD_STATE_USED);
	assert_int_equal(sd_volume_grow(&f.volume, &f.err), 0);
}

/* A state written on a grown disk moves the backup, but the partition stays: still to be grown. */
static void test_state_on_grown_disk(void **state)
{
	struct sd_mark mark;

	(void)state;
	resize(SIZE + 9 * MIB);
	set_state(SD_STATE_READY, 0);
	assert_int_equal(read_mark(&mark), 0);
	assert_true(mark.disk_grew);
	assert_int_equal(mark.size, SIZE - 2 * MIB);
	assert_int_equal(sd_volume_grow(&f.volume, &f.err), 0);
	assert_int_equal(read_mark(&mark), 0);
	assert_false(mark.disk_grew);
	assert_int_equal(mark.size, SIZE + 7 * MIB);
}

static void test_remove(void **state)
{
	struct sd_mark mark;

	(void)state;
	set_state(SD_STATE_READY, 0);
	assert_int_equal(sd_volume_remove(&f.volume, &f.err), 0);
	assert_int_equal(read_mark(&mark), -ENOENT);
	assert_true(all_zero());
}

static void test_remove_grown(void **state)
{
	(void)state;
	set_state(SD_STATE_READY, 0);
	resize(SIZE + 9 * MIB);
	assert_int_equal(sd_volume_remove(&f.volume, &f.err), 0);
	assert_true(all_zero());
}

static void test_remove_refuses_used(void **state)
{
	unsigned char *before;

	(void)state;
	set_state(SD_STATE_READY, 0);
	set_state(SD_STATE_USED, 0);
	before = image_copy(&f.image);
	assert_int_equal(sd_volume_remove(&f.volume, &f.err), -EINVAL);
	image_is_unchanged(&f.image, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_create),
		BOTH(test_create_over_content),
		BOTH(test_create_refuses),
		BOTH(test_states),
		BOTH(test_ready_to_erasing),
		BOTH(test_preparing_to_failed),
		BOTH(test_renew),
		BOTH(test_needs_exclusive_lock),
		BOTH(test_stale_handle),
		BOTH(test_grow),
		BOTH(test_state_on_grown_disk),
		BOTH(test_remove),
		BOTH(test_remove_grown),
		BOTH(test_remove_refuses_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
