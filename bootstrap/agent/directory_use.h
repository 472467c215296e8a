/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Does a pod still use a local volume? The claim is gone by then, but kubelet may have forgotten to clean up. */

#include "error.h"

#include <sys/types.h>

/*
 * -EBUSY: kubelet has the filesystem mounted for a pod (pods/<uid>/volumes/kubernetes.io~local-volume/<PV>)
 * in this mount namespace; err says where.
 */
int directory_use_of_mount(dev_t devno, const char *pv, struct sd_error *err);
