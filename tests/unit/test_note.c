/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disk's note on an image: torn, foreign and broken ones count as none, and the last good one stays. */

#include "volume_image.h"

#include "json.h"
#include "note.h"

#define SLOT(i) (SD_NOTE_OFFSET + (uint64_t)(i)*SD_NOTE_SLOT_SIZE)
#define NOTES_SIZE ((size_t)SD_NOTE_SLOTS * SD_NOTE_SLOT_SIZE)

static const struct sd_note full = {
	.id = ID,
	.doing = "erase",
	.method = "zero",
	.done = 1ull << 40,
	.since = 1700000000,
	.filesystem = "ext4",
	.encryption = "luks2",
	.kdf = "argon2id",
	.reason = "overwrite: cannot overwrite \"x\\y\" at 4096: Input/output error \xc3\xa4",
	.failed_at = 1700000001,
};

static void write_note(const char *keep, const struct sd_note *note)
{
	sd_error_clear(&f.err);
	assert_int_equal(sd_note_write(f.image.fd, keep, note, &f.err), 0);
}

static void write_done(uint64_t done)
{
	struct sd_note note = full;

	note.done = done;
	write_note(ID, &note);
}

static int read_note(const char *id, struct sd_note *ret)
{
	sd_error_clear(&f.err);
	return sd_note_read(f.image.fd, id, ret, &f.err);
}

static void done_is(uint64_t done)
{
	struct sd_note note;

	assert_int_equal(read_note(ID, &note), 0);
	assert_int_equal(note.done, done);
}

static void test_round_trip(void **state)
{
	struct sd_note note;
	struct sd_mark mark;

	(void)state;
	assert_int_equal(read_note(ID, &note), -ENOENT);
	assert_string_not_equal(f.err.text, "");
	write_note(ID, &full);
	assert_int_equal(read_note(ID, &note), 0);
	assert_string_equal(note.id, full.id);
	assert_string_equal(note.doing, full.doing);
	assert_string_equal(note.method, full.method);
	assert_int_equal(note.done, full.done);
	assert_int_equal(note.since, full.since);
	assert_string_equal(note.filesystem, full.filesystem);
	assert_string_equal(note.encryption, full.encryption);
	assert_string_equal(note.kdf, full.kdf);
	assert_string_equal(note.reason, full.reason);
	assert_int_equal(note.failed_at, full.failed_at);
	/* an absent field is empty again, not what the slot said before */
	write_note(ID, &(const struct sd_note){ .id = ID });
	assert_int_equal(read_note(ID, &note), 0);
	assert_int_equal(note.done, 0);
	assert_string_equal(note.reason, "");
	assert_int_equal(read_mark(&mark), 0);
	assert_false(mark.needs_repair);
}

static void test_touches_nothing_else(void **state)
{
	unsigned char *before = image_copy(&f.image), *now;

	(void)state;
	for (int i = 0; i < 3; i++)
		write_done((uint64_t)i);
	now = image_copy(&f.image);
	assert_memory_equal(now, before, SD_NOTE_OFFSET);
	assert_memory_equal(now + SLOT(SD_NOTE_SLOTS), before + SLOT(SD_NOTE_SLOTS),
	        SIZE - SLOT(SD_NOTE_SLOTS));
	free(now);
	assert_int_equal(sd_note_clear(f.image.fd, &f.err), 0);
	image_is_unchanged(&f.image, before);
	assert_int_equal(read_note(ID, &(struct sd_note){ 0 }), -ENOENT);
}

/* Every way in which the last write of a slot can be cut off, sector by sector. */
static void test_torn(void **state)
{
	unsigned char old[NOTES_SIZE], new[NOTES_SIZE];
	struct sd_note note = full;

	(void)state;
	write_done(1);
	write_done(2);
	for (uint64_t done = 3; done < 5; done++) { /* once in each slot */
		image_read(&f.image, SD_NOTE_OFFSET, old, sizeof(old));
		note.done = done;
		memset(note.reason, 'r', 590); /* it fills more than two sectors of 512 bytes */
		write_note(ID, &note);
		image_read(&f.image, SD_NOTE_OFFSET, new, sizeof(new));
		for (size_t at = 0; at < sizeof(new); at += 512) {
			bool text = memcmp(new + at, old + at, 512) != 0;

			if (!text)
				continue;
			image_write(&f.image, SD_NOTE_OFFSET + at, old + at, 512);
			done_is(done - 1);
			image_write(&f.image, SD_NOTE_OFFSET + at, new + at, 512);
			done_is(done);
		}
	}
}

static void test_broken(void **state)
{
	unsigned char slot[SD_NOTE_SLOT_SIZE];

	(void)state;
	write_done(1);
	write_done(2);
	for (size_t at = 0; at < 200; at++) {
		unsigned char byte;

		image_read(&f.image, SLOT(1) + at, slot, 1);
		byte = slot[0] ^ 0x10;
		image_write(&f.image, SLOT(1) + at, &byte, 1);
		done_is(1);
		image_write(&f.image, SLOT(1) + at, slot, 1);
		done_is(2);
	}
	image_fill(&f.image, SLOT(0), 0xff, SD_NOTE_SLOT_SIZE);
	done_is(2);
	write_done(3); /* it goes into the broken slot */
	image_fill(&f.image, SLOT(1), 0, SD_NOTE_SLOT_SIZE);
	done_is(3);
}

/* From one volume ID to the next: at each moment the ID that the mark carries has its own note. */
static void test_next_id(void **state)
{
	struct sd_note next = full, note;

	(void)state;
	write_done(1);
	write_done(2);
	memcpy(next.id, OTHER_ID, sizeof(next.id));
	next.done = 0;
	write_note(ID, &next); /* the mark says ID still */
	done_is(2);
	assert_int_equal(read_note(OTHER_ID, &note), 0);
	write_done(3); /* cut off there, and gone on with the old one */
	write_done(4);
	done_is(4);
	write_note(ID, &next);
	write_note(OTHER_ID, &next); /* the mark says OTHER_ID by now */
	assert_int_equal(read_note(ID, &note), -ENOENT);
	assert_int_equal(read_note(OTHER_ID, &note), 0);
}

static void parse_is_bad(const struct sd_note *note, const char *text)
{
	unsigned char slot[SD_NOTE_SLOT_SIZE];
	struct sd_error err = SD_ERROR_INIT;
	struct sd_note parsed;
	size_t length = strlen(text);
	uint64_t sequence;
	uint32_t crc;

	assert_int_equal(sd_note_format(note, 1, slot, &err), 0);
	assert_int_equal(sd_note_parse(slot, &parsed, &sequence, &err), 0);
	memset(slot + 32, 0, sizeof(slot) - 32);
	memcpy(slot + 32, text, length);
	memcpy(slot + 20, &(uint32_t){ (uint32_t)length }, 4);
	crc = sd_gpt_crc32(slot + 20, 12 + length);
	memcpy(slot + 16, &crc, 4);
	assert_int_equal(sd_note_parse(slot, &parsed, &sequence, &err), -EBADMSG);
	assert_string_not_equal(err.text, "");
}

static void test_hostile(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"volume\":\"" ID "\"",
		"{\"volume\":\"../../" ID "\"}",
		"{\"volume\":7}",
		"{\"volume\":\"" ID "\",\"done\":-1}",
		"{\"volume\":\"" ID "\",\"done\":\"1\"}",
		"{\"volume\":\"" ID "\",\"done\":1e3}",
		"{\"volume\":\"" ID "\",\"doing\":\"a word that is far too long\"}",
		"{\"volume\":\"" ID "\",\"reason\":\"\\u001b[2J\"}",
		"{\"volume\":\"" ID "\",\"volume\":\"" ID "\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		parse_is_bad(&full, texts[i]);
}

static void test_format(void **state)
{
	unsigned char slot[SD_NOTE_SLOT_SIZE];
	struct sd_note note = full, parsed;
	uint64_t sequence;

	(void)state;
	memcpy(note.reason, "a\nb\x1b\xff", 6);
	assert_int_equal(sd_note_format(&note, INT64_MAX, slot, &f.err), 0);
	assert_int_equal(sd_note_parse(slot, &parsed, &sequence, &f.err), 0);
	assert_string_equal(parsed.reason, "a b ?");
	assert_int_equal(sequence, INT64_MAX);
	assert_int_equal(sd_note_format(&full, (uint64_t)INT64_MAX + 1, slot, &f.err), -EINVAL);
	memset(note.reason, '"', sizeof(note.reason) - 1);
	assert_int_equal(sd_note_format(&note, 1, slot, &f.err), 0);
	note = full;
	memcpy(note.id, "nonsense", 9);
	assert_int_equal(sd_note_format(&note, 1, slot, &f.err), -EINVAL);
	note = full;
	memcpy(note.method, "a\nb", 4);
	assert_int_equal(sd_note_format(&note, 1, slot, &f.err), -EINVAL);
}

/* A slot that cannot be read: the other's note counts if it is the volume's, else nothing is known. */
static void test_unreadable(void **state)
{
	struct sd_note note;

	(void)state;
	write_done(1);
	write_done(2);
	assert_int_equal(ftruncate(f.image.fd, (off_t)SLOT(1)), 0);
	done_is(1);
	assert_int_equal(read_note(OTHER_ID, &note), -EIO);
	assert_int_equal(ftruncate(f.image.fd, (off_t)SLOT(0)), 0);
	assert_int_equal(read_note(ID, &note), -EIO);
}

static void test_release(void **state)
{
	struct sd_note note;

	(void)state;
	write_done(1);
	assert_int_equal(sd_volume_remove(&f.volume, &f.err), 0);
	assert_int_equal(read_note(ID, &note), -ENOENT);
	assert_int_equal(f.err.code, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_round_trip),
		BOTH(test_touches_nothing_else),
		BOTH(test_torn),
		BOTH(test_broken),
		BOTH(test_next_id),
		ONE(test_hostile),
		ONE(test_format),
		ONE(test_unreadable),
		BOTH(test_release),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
