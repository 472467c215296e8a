/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "note.h"
#include "blockdev.h"
#include "cleanup.h"
#include "gpt.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

/*
 * A slot: the magic; from CRC_AT the CRC-32 of all that follows it up to the text's end; the text's
 * length; the sequence number; the text, a JSON object; zeros. Numbers are little-endian.
 */
#define MAGIC "solodisk note 1\n"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)
#define CRC_AT 16
#define LENGTH_AT 20
#define SEQUENCE_AT 24
#define TEXT_AT 32
#define TEXT_MAX (SD_NOTE_SLOT_SIZE - TEXT_AT)

_Static_assert(MAGIC_SIZE == CRC_AT, "the checksum follows the magic");

/* The fields that are words, and those that are numbers: read and written by the same table. */
static const struct {
	const char *key;
	size_t offset, size;
} words[] = {
#define WORD(key, field)                                                                         \
	{                                                                                        \
		key, offsetof(struct sd_note, field), sizeof(((const struct sd_note *)0)->field) \
	}
	WORD("volume", id),
	WORD("doing", doing),
	WORD("method", method),
	WORD("filesystem", filesystem),
	WORD("encryption", encryption),
	WORD("kdf", kdf),
	WORD("reason", reason),
#undef WORD
};

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{ "done", offsetof(struct sd_note, done) },
	{ "since", offsetof(struct sd_note, since) },
	{ "failedAt", offsetof(struct sd_note, failed_at) },
};

static uint64_t get_number(const unsigned char *p, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | p[bytes];
	return value;
}

static void put_number(unsigned char *p, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t slot_crc(const unsigned char *slot, size_t length)
{
	return sd_gpt_crc32(slot + LENGTH_AT, TEXT_AT - LENGTH_AT + length);
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool fields_are_possible(const struct sd_note *note)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(words); i++) {
		const char *text = (const char *)note + words[i].offset;

		if (!is_printable(text) || !sd_json_is_text(text))
			return false;
	}
	for (size_t i = 0; i < SD_ARRAY_SIZE(numbers); i++) {
		uint64_t value;

		memcpy(&value, (const char *)note + numbers[i].offset, sizeof(value));
		if (value > INT64_MAX)
			return false;
	}
	return sd_id_is_valid(note->id);
}

static int parse_fields(const sd_json *json, struct sd_note *note, struct sd_error *err)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(words); i++) {
		const char *text;
		int r = sd_json_get_string(json, words[i].key, &text, err);

		if (r < 0 || (r > 0 && strlen(text) >= words[i].size))
			return -EBADMSG;
		if (r > 0)
			memcpy((char *)note + words[i].offset, text, strlen(text) + 1);
	}
	for (size_t i = 0; i < SD_ARRAY_SIZE(numbers); i++) {
		int64_t value;
		int r = sd_json_get_int(json, numbers[i].key, &value, err);

		if (r < 0 || (r > 0 && value < 0))
			return -EBADMSG;
		if (r > 0)
			memcpy((char *)note + numbers[i].offset, &value, sizeof(value));
	}
	return fields_are_possible(note) ? 0 : -EBADMSG;
}

int sd_note_parse(const unsigned char slot[SD_NOTE_SLOT_SIZE], struct sd_note *ret,
        uint64_t *ret_sequence, struct sd_error *err)
{
	size_t length = (size_t)get_number(slot + LENGTH_AT, SEQUENCE_AT - LENGTH_AT);
	uint64_t sequence = get_number(slot + SEQUENCE_AT, TEXT_AT - SEQUENCE_AT);
	_cleanup_json_ sd_json *json = NULL;
	struct sd_note note = { .id = "" };

	/* the highest sequence number must have one after it */
	if (memcmp(slot, MAGIC, MAGIC_SIZE) != 0 || length > TEXT_MAX || sequence > INT64_MAX ||
	        slot_crc(slot, length) != get_number(slot + CRC_AT, LENGTH_AT - CRC_AT))
		return sd_error_set(err, EBADMSG, "there is no note");
	if (sd_json_parse((const char *)slot + TEXT_AT, length, &json, err) < 0 ||
	        parse_fields(json, &note, err) < 0)
		return sd_error_set(err, EBADMSG, "the note is none that solodisk writes");
	*ret = note;
	*ret_sequence = sequence;
	return 0;
}

/* What comes from another program's messages may hold anything. */
static void make_printable(char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	if (!sd_json_is_text(text))
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)text[i] > 0x7f)
				text[i] = '?';
}

static sd_json *note_json(const struct sd_note *note)
{
	sd_json *json = sd_json_object();
	int r = 0;

	for (size_t i = 0; json && r == 0 && i < SD_ARRAY_SIZE(words); i++) {
		const char *text = (const char *)note + words[i].offset;

		if (text[0])
			r = sd_json_set_string(json, words[i].key, text);
	}
	for (size_t i = 0; json && r == 0 && i < SD_ARRAY_SIZE(numbers); i++) {
		int64_t value;

		memcpy(&value, (const char *)note + numbers[i].offset, sizeof(value));
		if (value)
			r = sd_json_set_int(json, numbers[i].key, value);
	}
	if (r == 0)
		return json;
	sd_json_free(json);
	return NULL;
}

int sd_note_format(const struct sd_note *note, uint64_t sequence,
        unsigned char ret_slot[SD_NOTE_SLOT_SIZE], struct sd_error *err)
{
	_cleanup_json_ sd_json *json = NULL;
	_cleanup_free_ char *text = NULL;
	struct sd_note clean = *note;
	size_t length;

	make_printable(clean.reason);
	if (!fields_are_possible(&clean) || sequence > INT64_MAX)
		return sd_error_set(err, EINVAL, "a note with impossible fields");
	json = note_json(&clean);
	text = json ? sd_json_line(json) : NULL;
	if (!text)
		return sd_error_set(err, ENOMEM, "no memory for a note");
	length = strlen(text);
	if (length > TEXT_MAX)
		return sd_error_set(err, EINVAL, "a note that is too long");
	memset(ret_slot, 0, SD_NOTE_SLOT_SIZE);
	memcpy(ret_slot, MAGIC, MAGIC_SIZE);
	put_number(ret_slot + LENGTH_AT, SEQUENCE_AT - LENGTH_AT, length);
	put_number(ret_slot + SEQUENCE_AT, TEXT_AT - SEQUENCE_AT, sequence);
	memcpy(ret_slot + TEXT_AT, text, length);
	put_number(ret_slot + CRC_AT, LENGTH_AT - CRC_AT, slot_crc(ret_slot, length));
	return 0;
}

int sd_note_open(int disk_fd, bool writable, int *ret_fd, struct sd_error *err)
{
	return sd_blockdev_reopen(disk_fd, (writable ? O_RDWR : O_RDONLY) | O_DIRECT, ret_fd, err);
}

/* Both slots as they are. */
struct slots {
	struct {
		int status; /* 0: a note; -EBADMSG: none; any other: it could not be read */
		struct sd_note note;
		uint64_t sequence;
	} slot[SD_NOTE_SLOTS];
	unsigned char *buf; /* of one slot, aligned */
};

static void slots_free(struct slots *slots)
{
	free(slots->buf);
}

static uint64_t slot_offset(unsigned i)
{
	return SD_NOTE_OFFSET + (uint64_t)i * SD_NOTE_SLOT_SIZE;
}

/* Fails without memory alone. err is that, or what the first slot that cannot be read says. */
static int slots_read(int fd, struct slots *ret, struct sd_error *err)
{
	ret->buf = aligned_alloc(SD_NOTE_SLOT_SIZE, SD_NOTE_SLOT_SIZE);
	if (!ret->buf)
		return sd_error_set(err, ENOMEM, "no memory to read the disk's note");
	for (unsigned i = 0; i < SD_NOTE_SLOTS; i++) {
		int r = sd_blockdev_read(fd, ret->buf, SD_NOTE_SLOT_SIZE, slot_offset(i), err);

		if (r == 0)
			r = sd_note_parse(
			        ret->buf, &ret->slot[i].note, &ret->slot[i].sequence, NULL);
		ret->slot[i].status = r;
	}
	return 0;
}

/* The slot with the newest note of a volume, or -1. */
static int slots_newest(const struct slots *slots, const char *id)
{
	int newest = -1;

	for (int i = 0; i < SD_NOTE_SLOTS; i++)
		if (slots->slot[i].status == 0 && strcmp(slots->slot[i].note.id, id) == 0 &&
		        (newest < 0 || slots->slot[i].sequence > slots->slot[newest].sequence))
			newest = i;
	return newest;
}

int sd_note_read(int fd, const char *id, struct sd_note *ret, struct sd_error *err)
{
	_cleanup_(slots_free) struct slots slots = { 0 };
	struct sd_error why = SD_ERROR_INIT;
	int newest, r;

	r = slots_read(fd, &slots, &why);
	newest = r == 0 ? slots_newest(&slots, id) : -1;
	if (newest >= 0) {
		*ret = slots.slot[newest].note;
		return 0;
	}
	if (why.code)
		return sd_error_set(err, why.code, "the disk's note cannot be read: %s", why.text);
	return sd_error_set(err, ENOENT, "the disk has no note of volume %s", id);
}

static int write_slot(int fd, unsigned i, const unsigned char *slot, unsigned char *read_back,
        struct sd_error *err)
{
	int r = sd_blockdev_write(fd, slot, SD_NOTE_SLOT_SIZE, slot_offset(i), err);

	if (r == 0 && fdatasync(fd) < 0)
		r = sd_error_errno(err, sd_blockdev_errno(errno), "cannot flush the disk");
	if (r == 0)
		r = sd_blockdev_read(fd, read_back, SD_NOTE_SLOT_SIZE, slot_offset(i), err);
	if (r == 0 && memcmp(slot, read_back, SD_NOTE_SLOT_SIZE) != 0)
		r = sd_error_set(err, EIO, "it reads otherwise than it was written");
	if (r < 0)
		(void)sd_error_wrap(err, "the disk's note cannot be written");
	return r;
}

int sd_note_write(int fd, const char *keep_id, const struct sd_note *note, struct sd_error *err)
{
	_cleanup_(slots_free) struct slots slots = { 0 };
	_cleanup_free_ unsigned char *slot = NULL;
	uint64_t sequence = 0;
	int keep, r;

	slot = aligned_alloc(SD_NOTE_SLOT_SIZE, SD_NOTE_SLOT_SIZE);
	if (!slot)
		return sd_error_set(err, ENOMEM, "no memory to write the disk's note");
	/* a slot that cannot be read may take a write all the same */
	r = slots_read(fd, &slots, NULL);
	if (r < 0)
		return sd_error_set(err, -r, "no memory to write the disk's note");
	for (unsigned i = 0; i < SD_NOTE_SLOTS; i++)
		if (slots.slot[i].status == 0 && slots.slot[i].sequence >= sequence)
			sequence = slots.slot[i].sequence + 1;
	keep = slots_newest(&slots, keep_id);
	r = sd_note_format(note, sequence, slot, err);
	return r < 0 ? r : write_slot(fd, keep == 0 ? 1 : 0, slot, slots.buf, err);
}

int sd_note_clear(int fd, struct sd_error *err)
{
	const uint64_t length = (uint64_t)SD_NOTE_SLOTS * SD_NOTE_SLOT_SIZE;
	int r = sd_blockdev_is_zero(fd, SD_NOTE_OFFSET, length, NULL, err);

	if (r == 0)
		r = sd_blockdev_zero(fd, SD_NOTE_OFFSET, length, err);
	if (r < 0)
		(void)sd_error_wrap(err, "the disk's note cannot be cleared");
	return r < 0 ? r : 0;
}
