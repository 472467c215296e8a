/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who uses a disk or a partition of it right now: part of disk.[ch]. */

#include "disk.h"

/*
 * Looks at holders, swap, mounts in every mount namespace, loop devices and open descriptors, and at
 * last asks the kernel (O_EXCL). Returns 0: nobody; -EBUSY, err says who; any other: could not tell.
 */
int sd_disk_check_unused(const struct sd_disk *disk, struct sd_error *err);
