/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Overwriting a device, and reading back that it was. Offsets and lengths are whole sectors. */

#include "error.h"
#include "progress.h"

#include <stdint.h>

#define WIPE_END (1ull << 20) /* what is called an end of a device */

/*
 * Opens a device for wiping: nobody else may hold it (O_EXCL; -EBUSY), and no cache lies between
 * (O_DIRECT). *ret_size: its size in bytes.
 */
int wipe_open(const char *node, int *ret_fd, uint64_t *ret_size, struct sd_error *err);

/* Writes zeros and flushes. events may be NULL. */
int wipe_zero(int fd, uint64_t offset, uint64_t length, const struct events *events,
        struct sd_error *err);

/* Tells the disk to forget a range. -EOPNOTSUPP: it cannot. What is read afterwards is anybody's guess. */
int wipe_discard(int fd, uint64_t offset, uint64_t length, const struct events *events,
        struct sd_error *err);

/*
 * Reads a range back, all of it or 512 random places of a large one. -EBADMSG: something that is not
 * zero, err says where.
 */
int wipe_verify_zero(int fd, uint64_t offset, uint64_t length, struct sd_error *err);
