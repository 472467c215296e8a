/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A look into a claimed volume: what its partition holds, whether a key opens it, and what its
 * filesystem says of itself. Nothing is mounted, mended or written.
 */

#include "error.h"
#include "key.h"
#include "superblock.h"
#include "volume.h"

#include <stdbool.h>
#include <stdint.h>

struct inside {
	bool luks;
	bool seen; /* the filesystem: plain, or its mapping was open, or the key opened it */
	/* If it was seen: */
	char filesystem[16];
	struct sd_superblock superblock;
	uint64_t room; /* bytes of the device that it lies on */
};

/*
 * The volume's disk is locked, its node known (sd_volume_partition()). key may be NULL; a mapping that
 * it opens is closed again. Whatever is not this volume's (another UUID, no filesystem of solodisk's,
 * nothing that can be told) is an error. -EPERM: the key opens no keyslot; -EINVAL: a key for a plain
 * volume.
 */
int inside_look(const struct sd_volume *volume, const struct sd_key *key, struct inside *ret,
        struct sd_error *err);
