/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Two questions to device-mapper itself, by ioctl: on what does a mapping lie, and take it away.
 * Without libdevmapper, since both must work for a mapping over a disk that is gone, and the second
 * must not wait for a udevd that is not there.
 */

#include "error.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The one device under a mapping, by the number that it was opened with: sysfs' "slaves" links are
 * paths, which a disk that came back may have taken over. Returns 1 (*ret filled), 0: there is no
 * such mapping or no /dev/mapper/control, or a negative errno; -ENOTUNIQ: it lies on several or on none.
 */
int sd_dm_backing(const char *name, dev_t *ret, struct sd_error *err);

#define SD_DM_DEPS 4

/* All devices under a mapping, at most SD_DM_DEPS. Otherwise as above; returns 1 with *ret_n set. */
int sd_dm_backings(const char *name, dev_t ret[SD_DM_DEPS], size_t *ret_n, struct sd_error *err);

/* The number and UUID of a mapping. Returns 1, 0: there is none of that name, or a negative errno. */
int sd_dm_find(
        const char *name, dev_t *ret_devno, char *ret_uuid, size_t size, struct sd_error *err);

/* Removes a mapping. Not there: 0. -EBUSY: in use, after timeout_ms of trying again. */
int sd_dm_remove(const char *name, unsigned timeout_ms, struct sd_error *err);

/*
 * From now on every request to a mapping fails with EIO, also those that wait since it was suspended:
 * its table becomes dm's "error" target.
 */
int sd_dm_fail(const char *name, dev_t devno, struct sd_error *err);

/* A suspended mapping works again; what waits goes on. */
int sd_dm_resume(const char *name, struct sd_error *err);

/* A mapping works on with the table that is in force; one that was only loaded is forgotten. */
int sd_dm_restore(const char *name, struct sd_error *err);

/*
 * Whether a systemd-udevd handles this process' devices. libdevmapper waits for its answer on a System
 * V semaphore, for ever: so it must run, and in our IPC namespace, the first one.
 */
bool sd_dm_has_udev(void);
