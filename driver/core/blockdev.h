/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A disk's bytes past the page cache, and the kernel's list of its partitions (BLKPG). fds may also be
 * images: the kernel keeps no partitions of a plain file, so the BLKPG calls do nothing there.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The errno of a failed read, write or flush, with EIO for ENODATA: that is how the kernel calls a bad
 * medium (block/blk-core.c), and it must not be taken for "nothing is there".
 */
int sd_blockdev_errno(int code);

/*
 * Opens the device behind fd once more, with other flags (access mode, O_DIRECT), by /proc/self/fd:
 * it is the same device whatever its path means by now. The new fd does not share fd's flock. A file
 * on a filesystem without O_DIRECT is opened without it. *ret_fd is the caller's.
 */
int sd_blockdev_reopen(int fd, int flags, int *ret_fd, struct sd_error *err);

/*
 * Reads or writes all of len bytes at offset: both multiples of the sector size, and buf aligned to 4096
 * bytes, for O_DIRECT. Errors as of sd_blockdev_errno(), naming the byte. Writing does not flush.
 */
int sd_blockdev_read(int fd, void *buf, size_t len, uint64_t offset, struct sd_error *err);
int sd_blockdev_write(int fd, const void *buf, size_t len, uint64_t offset, struct sd_error *err);

/*
 * Reads len bytes from offset (both multiples of the sector size) and tells whether all are zero.
 * Returns 1: yes; 0: no, *ret_at (may be NULL) is where the first other one is; a negative errno.
 */
int sd_blockdev_is_zero(
        int fd, uint64_t offset, uint64_t len, uint64_t *ret_at, struct sd_error *err);

/* Overwrites the same with zeros, flushes, and reads back. fd is open for reading and writing. */
int sd_blockdev_zero(int fd, uint64_t offset, uint64_t len, struct sd_error *err);

/* Whether fd is an image: a plain file, of which the kernel keeps no partitions. */
bool sd_blockdev_is_image(int fd);

/*
 * Adds a partition to the kernel's list, or takes it off, or resizes it there; start and size in
 * bytes. -EBUSY: the partition is in use. Never re-reads the table: one disk's BLKRRPART waits for
 * whoever has any partition of it open.
 */
int sd_blockdev_add_partition(
        int fd, unsigned number, uint64_t start, uint64_t size, struct sd_error *err);
int sd_blockdev_delete_partition(int fd, unsigned number, struct sd_error *err);
int sd_blockdev_resize_partition(
        int fd, unsigned number, uint64_t start, uint64_t size, struct sd_error *err);
