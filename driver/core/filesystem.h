/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The filesystem in a volume: make, check, grow, fail fast. Types: xfs and ext4. */

#include "error.h"
#include "id.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether type is one that solodisk makes and mounts. */
bool sd_filesystem_is_known(const char *type);

/*
 * Runs mkfs on a device of ours: UUID = volume ID, and data/ made in it by mkfs itself, so that
 * nothing has to be mounted. keep_fd stays open in mkfs (the disk's lock outlives a killed parent;
 * -1: none). timeout 0: none. poll as in struct sd_spawn.
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

/* Grows a mounted filesystem to its device, by ioctl. dir is the stage. 0 also when nothing to do. */
int sd_filesystem_grow(const char *dir, const char *type, const char *device, struct sd_error *err);

/*
 * After staging: XFS gives up on failed metadata writes instead of retrying for ever, so that a dead
 * disk can be unmounted (Documentation/admin-guide/xfs.rst, "Error handling"). By the kernel name of
 * the device. ext4 is told by its mount option errors=remount-ro.
 */
int sd_filesystem_fail_fast(const char *type, dev_t devno, struct sd_error *err);

/* Cuts a mounted filesystem off its dead disk (FS_IOC_SHUTDOWN), so that unmounting it returns. */
int sd_filesystem_shutdown(const char *dir, const char *type, struct sd_error *err);
