/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The filesystem in a volume: make, check, grow, fail fast. Types: xfs and ext4. */

#include "error.h"
#include "id.h"
#include "probe.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether type is one that solodisk makes and mounts. */
bool sd_filesystem_is_known(const char *type);

/*
 * Runs mkfs on a device of ours: UUID = volume ID, and data/ (root's, 0755) made in it by mkfs itself,
 * so that nothing has to be mounted. Only prepare and erase call it, on a volume that is marked
 * preparing: the first and last MiB are zeroed before, and mkfs is not forced over what is still seen
 * then. keep_fd stays open in mkfs (the disk's lock outlives a killed parent; -1: none).
 * -ENOSPC: the device is too small for this type (nothing was written); -EBUSY: it is in use.
 */
int sd_filesystem_make(
        const char *device, const char *type, const char *id, int keep_fd, struct sd_error *err);

/*
 * Checks that the device holds the filesystem of this volume: a known type, its UUID the volume ID
 * (a GPT cloned over other content has another). expected: the type that is wanted, NULL or "": any.
 * Fills ret_type (at least 16 bytes). -EMEDIUMTYPE: another type, -ESTALE: another UUID.
 */
int sd_filesystem_check(const char *device, const char *id, const char *expected, char *ret_type,
        struct sd_error *err);

/* The same of what was found on the device already: reading it again costs a disk thirty seeks. */
int sd_filesystem_check_content(const struct sd_content *content, const char *device,
        const char *id, const char *expected, char *ret_type, struct sd_error *err);

/*
 * Grows a mounted filesystem to its device, by ioctl. dir is the stage; when it does not carry the
 * device nothing is done (-ESTALE), since it would be the node's own filesystem that is grown. 0 also
 * when there is nothing to do.
 */
int sd_filesystem_grow(const char *dir, const char *type, const char *device, struct sd_error *err);

/*
 * After staging: XFS gives up on failed metadata writes instead of retrying for ever, so that a dead
 * disk can be unmounted (Documentation/admin-guide/xfs.rst, "Error handling"). By the kernel name of
 * the device. ext4 is told by its mount option errors=remount-ro.
 */
int sd_filesystem_fail_fast(const char *type, dev_t devno, struct sd_error *err);

/*
 * Cuts a mounted filesystem off its dead disk (FS_IOC_SHUTDOWN), so that unmounting it returns. type
 * may be NULL. -ENOTCONN: dir is no mount point. 0 also when it was cut off before.
 */
int sd_filesystem_shutdown(const char *dir, const char *type, struct sd_error *err);
