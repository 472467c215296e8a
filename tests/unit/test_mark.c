/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark on damaged, foreign, cut-off and resized tables: told right, mended right, or refused. */

#include "volume_image.h"

#include "gpt.h"
#include "mark.h"

#include <stdarg.h>

/* The parts of a table in the order in which they are written. */
enum { BACKUP_ENTRIES, BACKUP_HEADER, PRIMARY_ENTRIES, PRIMARY_HEADER, MBR, N_PARTS };

static void part(int which, uint64_t *ret_offset, size_t *ret_len)
{
	const uint64_t offsets[] = {
		[BACKUP_ENTRIES] = SIZE - sector - ENTRIES_SIZE,
		[BACKUP_HEADER] = SIZE - sector,
		[PRIMARY_ENTRIES] = 2 * sector,
		[PRIMARY_HEADER] = sector,
		[MBR] = 0,
	};

	*ret_offset = offsets[which];
	*ret_len = which == BACKUP_ENTRIES || which == PRIMARY_ENTRIES ? ENTRIES_SIZE : sector;
}

static void part_from(int which, const unsigned char *bytes, size_t limit)
{
	uint64_t offset;
	size_t len;

	part(which, &offset, &len);
	image_write(&f.image, offset, bytes + offset, limit < len ? limit : len);
}

static void part_flip(int which, size_t at)
{
	unsigned char byte;
	uint64_t offset;
	size_t len;

	part(which, &offset, &len);
	image_read(&f.image, offset + at, &byte, 1);
	byte ^= 0xff;
	image_write(&f.image, offset + at, &byte, 1);
}

static void part_fill(int which, int byte)
{
	uint64_t offset;
	size_t len;

	part(which, &offset, &len);
	image_fill(&f.image, offset, byte, len);
}

/* The mark can still be read, is known to be damaged, and is mended for good. */
static void is_mended(const char *id, enum sd_state state)
{
	unsigned char *before = image_copy(&f.image);
	struct sd_mark mark;

	assert_int_equal(read_mark(&mark), 0);
	assert_true(mark.needs_repair);
	assert_string_equal(mark.id, id);
	assert_int_equal(mark.state, state);
	image_is_unchanged(&f.image, before); /* reading is only reading */
	f.volume.mark = mark;
	assert_int_equal(sd_volume_repair(&f.volume, &f.err), 0);
	assert_false(f.volume.mark.needs_repair);
	mark_is(id, state);
}

static void is_refused(int code, const char *word)
{
	unsigned char *before = image_copy(&f.image);
	struct sd_mark mark;

	if (read_mark(&mark) != -code)
		fail_msg("expected %d: %s", code, f.err.text);
	if (!strstr(f.err.text, word))
		fail_msg("\"%s\" does not say \"%s\"", f.err.text, word);
	assert_true(sd_volume_set_state(&f.volume, SD_STATE_READY, &f.err) < 0);
	assert_true(sd_volume_repair(&f.volume, &f.err) < 0);
	image_is_unchanged(&f.image, before);
}

/* Runs a program of the system on the image. */
static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(flock(f.image.fd, LOCK_UN), 0); /* sfdisk takes the lock itself */
	if (system(command) != 0)
		fail_msg("this failed: %s", command);
	assert_int_equal(flock(f.image.fd, LOCK_EX), 0);
}

static void test_one_part_damaged(void **state)
{
	static const struct {
		int part;
		size_t at;
	} flips[] = { { PRIMARY_HEADER, 0 }, { PRIMARY_HEADER, 24 }, { PRIMARY_HEADER, 90 },
		{ PRIMARY_ENTRIES, 60 }, { PRIMARY_ENTRIES, ENTRIES_SIZE - 1 },
		{ BACKUP_HEADER, 0 }, { BACKUP_HEADER, 40 }, { BACKUP_ENTRIES, 17 } };
	unsigned char *good = image_copy(&f.image);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
		part_flip(flips[i].part, flips[i].at);
		is_mended(ID, SD_STATE_PREPARING);
		image_is_unchanged(&f.image, memcpy(malloc(SIZE), good, SIZE));
	}
	for (i = 0; i < N_PARTS; i++) {
		part_fill((int)i, 0);
		is_mended(ID, SD_STATE_PREPARING);
		image_is_unchanged(&f.image, memcpy(malloc(SIZE), good, SIZE));
	}
	free(good);
}

static void test_both_copies_damaged(void **state)
{
	(void)state;
	part_flip(PRIMARY_HEADER, 24);
	part_flip(BACKUP_HEADER, 24);
	is_refused(EUCLEAN, "both copies");
}

static void test_both_headers_gone(void **state)
{
	(void)state;
	part_fill(PRIMARY_HEADER, 0);
	part_fill(BACKUP_HEADER, 0);
	is_refused(ENOENT, "no solodisk volume");
}

static void test_copies_differ(void **state)
{
	unsigned char *before;

	(void)state;
	set_state(SD_STATE_READY, 0);
	before = image_copy(&f.image);
	set_state(SD_STATE_USED, 0);
	part_from(BACKUP_ENTRIES, before, SIZE);
	part_from(BACKUP_HEADER, before, SIZE);
	is_mended(ID, SD_STATE_USED); /* the primary counts, be it the newer ... */
	part_from(PRIMARY_ENTRIES, before, SIZE);
	part_from(PRIMARY_HEADER, before, SIZE);
	is_mended(ID, SD_STATE_READY); /* ... or the older one */
	free(before);
}

/* Power was lost after any of the writes of a change, or within one: the old mark or the new. */
static void test_change_cut_off(void **state)
{
	unsigned char *old, *new;
	size_t half;
	int i;

	(void)state;
	set_state(SD_STATE_READY, 0);
	old = image_copy(&f.image);
	set_state(SD_STATE_USED, 0);
	new = image_copy(&f.image);
	for (i = 0; i < N_PARTS; i++) {
		for (half = 0; half < 2; half++) {
			enum sd_state expected =
			        i < PRIMARY_ENTRIES ? SD_STATE_READY : SD_STATE_USED;
			struct sd_mark mark;
			int k;

			for (k = 0; k < N_PARTS; k++)
				part_from(k, k < i ? new : old, SIZE);
			if (half) /* within the first entry, between ID and name */
				part_from(i, new,
				        i == PRIMARY_ENTRIES || i == BACKUP_ENTRIES ? 80 : 20);
			else if (i == PRIMARY_ENTRIES)
				expected = SD_STATE_READY; /* not begun: only the backup is new */
			assert_int_equal(read_mark(&mark), 0);
			assert_int_equal(mark.state, expected);
			f.volume.mark = mark;
			assert_int_equal(sd_volume_repair(&f.volume, &f.err), 0);
			mark_is(ID, expected);
		}
	}
	free(old);
	free(new);
}

/* The same for the first table of a blank disk: nothing of ours yet, or a volume in preparing. */
static void test_create_cut_off(void **state)
{
	unsigned char *new = image_copy(&f.image);
	int i, k;

	(void)state;
	for (i = 0; i < N_PARTS; i++) {
		for (k = 0; k < N_PARTS; k++)
			part_fill(k, 0);
		for (k = 0; k < i; k++)
			part_from(k, new, SIZE);
		if (i <= BACKUP_HEADER)
			is_refused(ENOENT, "no solodisk volume");
		else
			is_mended(ID, SD_STATE_PREPARING);
	}
	free(new);
}

static void test_whole_disk_taken(void **state)
{
	static const unsigned char version_and_pages[] = { 1, 0, 0, 0, 0, 16, 0, 0 };
	unsigned char *good = image_copy(&f.image);

	(void)state;
	/* swap space as a simple mkswap makes it: no look at what was there, our backup table stays */
	image_fill(&f.image, 0, 0, 64 * 1024);
	image_write(&f.image, 1024, version_and_pages, sizeof(version_and_pages));
	image_write(&f.image, 4086, "SWAPSPACE2", 10);
	is_refused(EUCLEAN, sector == 512 ? "swap" : "first sector");
	image_write(&f.image, 0, good, SIZE);
	part_fill(MBR, 'X');
	is_refused(EUCLEAN, "first sector");
	part_fill(PRIMARY_HEADER, 'X');
	is_refused(EUCLEAN, "first sector");
	free(good);
}

static void test_shrunk(void **state)
{
	const uint64_t losses[] = { 4096, MIB, 20 * MIB };
	unsigned char *good = image_copy(&f.image);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		resize(SIZE - losses[i]);
		is_refused(EUCLEAN, "smaller");
		resize(SIZE);
		image_write(&f.image, 0, good, SIZE);
		mark_is(ID, SD_STATE_PREPARING);
	}
	free(good);
}

static void test_grown_and_torn(void **state)
{
	struct sd_mark mark;

	(void)state;
	part_flip(PRIMARY_ENTRIES, 60);
	resize(SIZE + 8 * MIB);
	assert_int_equal(read_mark(&mark), 0);
	assert_true(mark.disk_grew);
	is_mended(ID, SD_STATE_PREPARING);
}

/* Tables that others made or changed: with 512 bytes only, sfdisk knows no other image. */
static void sfdisk(const char *options, const char *input)
{
	run("printf '%s' | sfdisk -q --no-reread %s %s >/dev/null 2>&1", input, options,
	        f.image.path);
}

static void test_foreign_table(void **state)
{
	(void)state;
	sfdisk("--wipe always", "label: gpt\\n,,L\\n");
	is_refused(ENOENT, "another partition table");
	sfdisk("--wipe always", "label: dos\\n,,L\\n");
	is_refused(ENOENT, "no solodisk volume");
}

static void test_changed_by_others(void **state)
{
	unsigned char *good = image_copy(&f.image);
	static const struct {
		const char *options, *input, *word;
	} changes[] = {
		{ "--part-label", "solodisk-used-1a2b3c4e", "no state" },
		{ "--part-label", "solodisk-mounted-1a2b3c4d", "no state" },
		{ "--part-label", "solodisk-used-1A2B3C4D", "no state" },
		{ "--part-label", "data", "no state" },
		{ "--part-uuid", OTHER_ID, "no state" },
	};
	char options[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		run("sfdisk -q --no-reread %s %s 1 %s >/dev/null 2>&1", changes[i].options,
		        f.image.path, changes[i].input);
		is_refused(EUCLEAN, changes[i].word);
		image_write(&f.image, 0, good, SIZE);
	}
	(void)snprintf(options, sizeof(options), "--delete");
	run("sfdisk -q --no-reread %s %s 1 >/dev/null 2>&1", options, f.image.path);
	is_refused(ENOENT, "another partition table");
	free(good);
}

static void ours_at(const char *where, const char *more, int code, const char *word)
{
	char input[512];

	(void)snprintf(input, sizeof(input),
	        "label: gpt\\n%s, type=%s, uuid=%s, name=\"solodisk-ready-1a2b3c4d\"\\n%s", where,
	        SD_PARTITION_TYPE, ID, more);
	sfdisk("--wipe always", input);
	if (code)
		is_refused(code, word);
	else
		mark_is(ID, SD_STATE_READY);
}

static void test_impossible_numbers(void **state)
{
	(void)state;
	ours_at("start=1MiB, size=70MiB", "", 0, ""); /* made by others, but as it should be */
	ours_at("start=2049, size=70MiB", "", EUCLEAN, "impossible");
	ours_at("start=2048, size=161759", "", EUCLEAN, "impossible"); /* to the very end */
	ours_at("start=1MiB, size=30MiB", "size=10MiB\\n", EUCLEAN, "2 partitions");
	ours_at("start=40MiB, size=30MiB", "start=2MiB, size=10MiB, type=" SD_PARTITION_TYPE "\\n",
	        EUCLEAN, "2 partitions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_one_part_damaged),
		BOTH(test_both_copies_damaged),
		BOTH(test_both_headers_gone),
		BOTH(test_copies_differ),
		BOTH(test_change_cut_off),
		BOTH(test_create_cut_off),
		BOTH(test_whole_disk_taken),
		BOTH(test_shrunk),
		BOTH(test_grown_and_torn),
		ONE(test_foreign_table),
		ONE(test_changed_by_others),
		ONE(test_impossible_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
