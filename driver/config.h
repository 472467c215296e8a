/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* `.config.json` beside the executable: how this node uses the driver. Chosen at install. */

#include "error.h"

#include <limits.h>
#include <stdbool.h>

struct sd_config {
	bool attach;                /* full life cycle (attach: true), or mount alone */
	bool allow_inline;          /* a pod's author may name a volume (docs/security.md) */
	char kubelet_dir[PATH_MAX]; /* kubelet's root directory */
};

/*
 * Reads it. No file: the defaults (attach false, allowInline false, /var/lib/kubelet). -EINVAL: a
 * wrong or unknown key; *ret then holds the defaults, for init, which never fails.
 */
int sd_config_read(struct sd_config *ret, struct sd_error *err);
