/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as a slot of the disk's note. With the first byte odd, length and checksum are made right,
 * so that the fuzzer gets to what is inside. What is accepted has possible fields, and what is
 * formatted from it reads back as the same.
 */

#include "gpt.h"
#include "json.h"
#include "note.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check(const struct sd_note *note, uint64_t sequence)
{
	unsigned char slot[SD_NOTE_SLOT_SIZE];
	struct sd_error err = SD_ERROR_INIT;
	struct sd_note again;
	uint64_t number;

	require(sd_id_is_valid(note->id) && sequence <= INT64_MAX && note->done <= INT64_MAX);
	require(sd_note_format(note, sequence, slot, &err) == 0);
	require(sd_note_parse(slot, &again, &number, &err) == 0 && number == sequence);
	require(strcmp(again.id, note->id) == 0 && strcmp(again.reason, note->reason) == 0 &&
	        strcmp(again.method, note->method) == 0 && again.done == note->done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char slot[SD_NOTE_SLOT_SIZE] = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	struct sd_note note;
	uint64_t sequence;
	size_t length;

	if (size < 1)
		return 0;
	sd_json_init();
	length = size - 1 < sizeof(slot) ? size - 1 : sizeof(slot);
	memcpy(slot, data + 1, length);
	if (data[0] & 1) {
		memcpy(slot, "solodisk note 1\n", 16);
		length = length > 32 ? length - 32 : 0;
		put32(slot + 20, (uint32_t)length);
		put32(slot + 16, sd_gpt_crc32(slot + 20, 12 + length));
	}
	if (sd_note_parse(slot, &note, &sequence, &err) == 0)
		check(&note, sequence);
	else
		require(err.code == EBADMSG && err.text[0] != '\0');
	return 0;
}
