/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the cluster knows of this node's volumes, asked once. */

#include "agent/pvs.h"
#include "error.h"

/*
 * The PersistentVolumes that carry the label of the Node with this name. kubeconfig: NULL for the pod's
 * credentials. Waits for at most ten seconds. -ENOENT: no credentials, or no such Node; -ETIMEDOUT: no
 * answer; others: the API server's word. Free with pvs_clear().
 */
int status_ask(const char *kubeconfig, const char *node, struct pvs *ret, struct sd_error *err);
