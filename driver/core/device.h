/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A block device (in tests, an image) as a run of bytes. */

#include "error.h"

#include <stdint.h>

/* Its size in bytes. path is for the error text. */
int sd_device_size(int fd, const char *path, uint64_t *ret_size, struct sd_error *err);

/*
 * Zeroes the first and the last MiB and flushes: what lay there before, whose signatures would still
 * be found beside the new ones, is no more. Opens with O_EXCL: -EBUSY when anyone mounts or holds it.
 */
int sd_device_wipe_edges(const char *path, struct sd_error *err);
