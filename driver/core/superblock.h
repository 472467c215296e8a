/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a filesystem says of itself, for a person who wants to know before it is mounted: read from the
 * superblock, which libblkid has found and whose checksum it has checked. Nothing is mounted or written.
 */

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct sd_superblock {
	uint64_t size;     /* bytes of its device that it takes */
	bool needs_repair; /* it asks for xfs_repair or e2fsck: the kernel or the tool noted a fault */
	bool needs_replay; /* ext4: not unmounted cleanly, so the next mount replays the journal */
};

/*
 * fd is open for reading, type is xfs or ext4. XFS does not tell in its superblock whether its log must
 * be replayed. -EIO: the superblock cannot be read, -EINVAL: it says what cannot be.
 */
int sd_superblock_read(int fd, const char *path, const char *type, struct sd_superblock *ret,
        struct sd_error *err);
