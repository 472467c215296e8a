/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a power cut may leave of a volume's table while it is made, before its first header, or taken
 * away, after its last one: an array of entries that no header points to. It counts as blank; nothing
 * else does that is not zero.
 */

#include "disk.h"
#include "error.h"
#include "id.h"

/*
 * Whether the disk's first and last MiB are zero but for one array of entries, at the place of the
 * primary or of the backup, in which exactly one entry is used: of solodisk's type, in state preparing
 * (which holds nothing), with a volume ID that its name repeats, no attributes, and bounds that fit
 * this disk. fd is any open fd of the disk. Returns 1: so it is, *ret_id is the volume ID; 0: not so,
 * also when all is zero; a negative errno: could not be read.
 */
int sd_remains_find(
        int fd, const struct sd_disk *disk, char ret_id[SD_ID_SIZE], struct sd_error *err);
