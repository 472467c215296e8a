/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One question to the API server, and its answer, for commands that have no event loop. */

#include "error.h"
#include "json.h"

/*
 * GET of this path. kubeconfig: NULL for the pod's credentials. *ret is the caller's. Waits for at most ten
 * seconds. -ENOENT: no credentials, or no such object; -ETIMEDOUT: no answer; others: the API server's word.
 */
int cluster_get(const char *kubeconfig, const char *path, sd_json **ret, struct sd_error *err);

/* Whether it can be a Node's: it becomes a part of paths. */
int cluster_is_node_name(const char *name);
