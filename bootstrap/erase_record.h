/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The node's record of erases, /var/lib/solodisk/erase.log: a line of JSON for each run that touched a
 * disk, however it ended. Nothing depends on it; what is half done is written on the disk itself.
 */

#include "disk.h"
#include "error.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct erase_record {
	const struct sd_disk *disk;
	const char *id, *new_id; /* new_id "": it got none */
	const char *method;
	uint64_t bytes;          /* of the volume dealt with by the end of this run */
	uint64_t from;           /* and where this run began */
	uint64_t verified;       /* bytes that were read back, as they should be */
	const char *verified_as; /* "zeros", "overwritten", "changed"; NULL: not read back */
	bool resumed;
	time_t began;
	uint64_t seconds;
	int code;           /* 0: done; else the errno, negative */
	const char *reason; /* why not */
};

/* Appends it, in one write, and flushes. The directory is made if need be: root's alone. */
int erase_record_append(const struct erase_record *record, struct sd_error *err);

/*
 * Why the newest erase of this volume failed, for a disk that could not take a note. Returns 1 (reason
 * filled), 0: the record does not say.
 */
int erase_record_reason(const char *wwid, const char *id, char *ret_reason, size_t size);

/* RFC 3339, UTC, in whole seconds. */
#define ERASE_TIME_SIZE 32
const char *erase_time(uint64_t seconds, char ret[ERASE_TIME_SIZE]);
