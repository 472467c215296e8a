/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Emptying a released filesystem for the next tenant. What lies in it was written by the last one. */

#include "error.h"

#include <stdint.h>

/*
 * Removes all that is in the directory fd, which stays: no link is followed, nothing is crossed into that
 * is mounted in it, and however deep it is, neither stack nor descriptors run out. A lost+found of root's
 * at the top is emptied and kept, as mkfs had made it. Stops at the first thing that cannot be removed, and
 * when told to (cancel.h); a repeated call goes on from there. Then the filesystem is flushed.
 * told (may be NULL) is called now and then with the number of what was removed so far.
 * Errors: -ECANCELED; -EXDEV, -EBUSY: something is mounted in it, or somebody still writes to it; -EPERM:
 * an immutable file; -ENOSYS: Linux is older than 5.6 (openat2); -EROFS, -EIO and others, naming the place.
 */
int directory_empty(int fd, void (*told)(void *data, uint64_t removed), void *data,
        uint64_t *ret_removed, struct sd_error *err);
