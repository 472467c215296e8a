/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the processes of the node do with a disk, from /proc: part of disk.[ch]. */

#include "device_set.h"

/* -EBUSY: mounted in the mount namespace of some process. */
int sd_process_check_mounts(const struct sd_device_set *set, struct sd_error *err);

/* -EBUSY: another process has it open for writing. */
int sd_process_check_writers(const struct sd_device_set *set, struct sd_error *err);
