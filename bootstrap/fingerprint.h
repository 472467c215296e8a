/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a person saw of a disk, so that it can be told later whether it still is that disk and nothing
 * has happened to it. Its name is no part of it: names change at every boot.
 */

#include "disk.h"
#include "error.h"

#include <stdint.h>

struct fingerprint {
	/* Who it is; these bind for ever. */
	char wwid[256], serial[128], model[64];
	uint64_t size; /* bytes */
	unsigned sector_size;
	/*
	 * What has happened to it; these bind within one boot, since the kernel counts anew after it.
	 * diskseq is another one for every disk that is put in (Documentation/ABI/stable/sysfs-block),
	 * written counts the sectors written and discarded (Documentation/block/stat.rst).
	 */
	char boot_id[40];
	uint64_t diskseq; /* 0: the kernel has none */
	uint64_t written;
};

/*
 * Takes it of a disk as sysfs has it now; reads nothing of the disk itself, so take it before the disk
 * is looked at: what is written in between is seen then.
 */
int fingerprint_take(const struct sd_disk *disk, struct fingerprint *ret, struct sd_error *err);

/* Whether it is the same disk, unchanged in its size: -ESTALE, err says what differs. */
int fingerprint_check_identity(
        const struct fingerprint *seen, const struct fingerprint *now, struct sd_error *err);

/*
 * Whether it was neither taken out nor written to since: -ESTALE. After a reboot nobody can tell; then
 * what lies on the disk decides alone, and 0 is returned.
 */
int fingerprint_check_untouched(
        const struct fingerprint *seen, const struct fingerprint *now, struct sd_error *err);
