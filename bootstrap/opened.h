/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who has a block device open. A raw device has no mount that would tell. */

#include "error.h"

#include <sys/types.h>

/*
 * -EBUSY: a loop device lies on the block device. kubelet makes one for each raw block volume that a pod has
 * (volumeDevices), and the kernel takes no O_EXCL for that.
 */
int opened_by_loop(dev_t devno, struct sd_error *err);

/*
 * Whether nobody has it open: no other process that is seen here, and no loop device lies on it. -EBUSY: err
 * says who. The device's own disk counts for nothing.
 */
int opened_check(dev_t devno, struct sd_error *err);
