/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who has a block device open. A raw device has no mount that would tell. */

#include "error.h"

#include <sys/types.h>

/*
 * Whether nobody has it open: no process that is seen here, and no loop device lies on it, which is how
 * kubelet holds one for a pod. -EBUSY: err says who. The device's own disk counts for nothing.
 */
int opened_check(dev_t devno, struct sd_error *err);
