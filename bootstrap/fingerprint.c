/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fingerprint.h"
#include "root.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of /sys/block/X/stat, from 0. */
#define STAT_SECTORS_WRITTEN 6
#define STAT_SECTORS_DISCARDED 13 /* since Linux 4.18 */

/* What a plan file can carry, and a terminal show. */
static void copy_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
	for (; *to; to++)
		if (*to < ' ' || *to > '~')
			*to = '?';
}

static int read_written(const struct sd_disk *disk, uint64_t *ret, struct sd_error *err)
{
	char text[512];
	char *p = text;
	uint64_t sum = 0;
	unsigned field;
	int r;

	r = sd_root_read(text, sizeof(text), "/sys/block/%s/stat", disk->name);
	if (r < 0)
		return sd_error_errno(err, -r,
		        "could not tell whether %s is written to: no "
		        "counters in sysfs",
		        disk->name);
	for (field = 0; *p; field++) {
		char *end;
		uint64_t value = strtoull(p, &end, 10);

		if (end == p)
			break;
		if (field == STAT_SECTORS_WRITTEN || field == STAT_SECTORS_DISCARDED)
			sum += value;
		p = end;
	}
	if (field <= STAT_SECTORS_WRITTEN)
		return sd_error_set(err, EIO,
		        "could not tell whether %s is written to: its "
		        "counters in sysfs cannot be read",
		        disk->name);
	*ret = sum;
	return 0;
}

int fingerprint_take(const struct sd_disk *disk, struct fingerprint *ret, struct sd_error *err)
{
	struct fingerprint now = { .size = disk->size, .sector_size = disk->sector_size };
	char text[32];
	int r;

	copy_text(now.wwid, sizeof(now.wwid), disk->wwid);
	copy_text(now.serial, sizeof(now.serial), disk->serial);
	copy_text(now.model, sizeof(now.model), disk->model);
	r = sd_root_read(now.boot_id, sizeof(now.boot_id), "/proc/sys/kernel/random/boot_id");
	if (r < 0)
		return sd_error_errno(err, -r, "could not tell which boot this is");
	if (sd_root_read(text, sizeof(text), "/sys/block/%s/diskseq", disk->name) == 0)
		now.diskseq = strtoull(text, NULL, 10);
	r = read_written(disk, &now.written, err);
	if (r == 0)
		*ret = now;
	return r;
}

static int differs(const struct fingerprint *seen, const char *what, const char *was,
        const char *is, struct sd_error *err)
{
	return sd_error_set(err, ESTALE,
	        "it is not the disk that it was: the %s of %s was \"%s\", now it is \"%s\"; look again",
	        what, seen->wwid, was, is);
}

int fingerprint_check_identity(
        const struct fingerprint *seen, const struct fingerprint *now, struct sd_error *err)
{
	if (strcmp(seen->wwid, now->wwid) != 0)
		return differs(seen, "WWID", seen->wwid, now->wwid, err);
	if (strcmp(seen->serial, now->serial) != 0)
		return differs(seen, "serial number", seen->serial, now->serial, err);
	if (strcmp(seen->model, now->model) != 0)
		return differs(seen, "model", seen->model, now->model, err);
	if (seen->size != now->size)
		return sd_error_set(err, ESTALE,
		        "its size has changed: it was %" PRIu64 " bytes, now it is %" PRIu64
		        "; look again",
		        seen->size, now->size);
	if (seen->sector_size != now->sector_size)
		return sd_error_set(err, ESTALE,
		        "its sectors have another size: it was %u bytes, now it is %u; look again",
		        seen->sector_size, now->sector_size);
	return 0;
}

int fingerprint_check_untouched(
        const struct fingerprint *seen, const struct fingerprint *now, struct sd_error *err)
{
	if (strcmp(seen->boot_id, now->boot_id) != 0)
		return 0;
	if (seen->diskseq != now->diskseq)
		return sd_error_set(err, ESTALE,
		        "it was taken out since, or another one was put in; look again");
	if (seen->written != now->written)
		return sd_error_set(err, ESTALE,
		        "somebody has written to it since, or discarded what was there; look again");
	return 0;
}
