/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The two locks. A file per volume under /run/solodisk/lock keeps two calls for one volume apart;
 * flock on the whole disk's node in the host's /dev keeps systemd-udevd from re-reading the partition
 * table under us (it skips a disk whose lock is held, see systemd's "Locking Block Device Access").
 */

#include "error.h"

/*
 * Takes the lock of a volume (its ID must be valid: it becomes a file name). who is a word for the
 * holder's entry in the file ("mount"). Waits timeout_ms at most: -ETIMEDOUT, err names the holder.
 * The lock is held while *ret_fd, which the caller owns, is open.
 */
int sd_lock_volume(
        const char *id, const char *who, unsigned timeout_ms, int *ret_fd, struct sd_error *err);

/*
 * flock(fd, LOCK_SH or LOCK_EX) on a whole disk's open node, with the same bound and errors. A
 * change from SH to EX is not atomic: read the disk again after it. path is for the error text.
 */
int sd_lock_disk(
        int fd, int operation, const char *path, unsigned timeout_ms, struct sd_error *err);
