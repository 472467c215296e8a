/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Making a disk blank that is not, because a person said so (prepare --force). */

#include "disk.h"
#include "error.h"

/*
 * fd is the disk's node, open for writing with its flock exclusive; sd_disk_check_idle() has allowed
 * it. Takes its partitions out of the kernel and overwrites both ends of it and of each partition.
 * What else lies on it is overwritten by what is made next, or found by the check that follows.
 */
int blank_disk(const struct sd_disk *disk, int fd, struct sd_error *err);
