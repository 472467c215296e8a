/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The disk's note: what half-done work is going on with a volume, or why it failed, kept on the disk
 * itself between the partition table and the partition. With it the same command goes on after a crash,
 * whatever became of the volume's content, and on any node. It never holds a key.
 *
 * Two slots are written in turn, so a write that is torn loses nothing but the latest update. Each
 * says whose it is: the note of another volume ID, or a broken one, counts as none.
 */

#include "error.h"
#include "id.h"

#include <stdbool.h>
#include <stdint.h>

#define SD_NOTE_SLOT_SIZE 4096 /* bytes: whole sectors of every size that the kernel has */
#define SD_NOTE_SLOTS 2
#define SD_NOTE_OFFSET (512ull << 10) /* of the first slot; the second lies right behind it */

struct sd_note {
	char id[SD_ID_SIZE];
	char doing[16];  /* "erase"; "": nothing is half done */
	char method[16]; /* how, in the tool's words; "" when that part is over */
	uint64_t done;   /* bytes of the partition that are dealt with, and flushed */
	uint64_t since;  /* when it was begun: seconds since 1970, UTC */
	/* What shall be made afterwards; "": not known. */
	char filesystem[16];
	char encryption[8]; /* "luks2" or "none" */
	char kdf[16];
	/* Of a volume in state failed: why (step, place, errno in words) and when; "": no reason noted. */
	char reason[600];
	uint64_t failed_at;
};

/* Opens what lies behind a disk's fd for the calls below: past the page cache, with an fd of its own. */
int sd_note_open(int disk_fd, bool writable, int *ret_fd, struct sd_error *err);

/*
 * The newest note of this volume. -ENOENT: there is none; any other error: it could not be told. One
 * slot that cannot be read does not matter while the other has the volume's.
 */
int sd_note_read(int fd, const char *id, struct sd_note *ret, struct sd_error *err);

/*
 * Writes a note, flushes it, and reads it back. It goes where the newest note of the volume keep_id is
 * not: keep_id is what the disk's mark says now, which the note's own ID is about to become when
 * the two differ. The volume's lock is held, or nobody else can have it.
 */
int sd_note_write(int fd, const char *keep_id, const struct sd_note *note, struct sd_error *err);

/* Takes all notes away, and flushes; writes nothing where there is none. */
int sd_note_clear(int fd, struct sd_error *err);

/*
 * One slot in memory: for the calls above, tests and the fuzzer. Parsing believes nothing: -EBADMSG for
 * whatever is not exactly a note. Formatting fails with -EINVAL for what it would not read back; only
 * a reason that is not printable is made so.
 */
int sd_note_parse(const unsigned char slot[SD_NOTE_SLOT_SIZE], struct sd_note *ret,
        uint64_t *ret_sequence, struct sd_error *err);
int sd_note_format(const struct sd_note *note, uint64_t sequence,
        unsigned char ret_slot[SD_NOTE_SLOT_SIZE], struct sd_error *err);
