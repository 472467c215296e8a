/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether this node's driver still has something to do: volumes that are mounted here. */

#include "error.h"

#include <limits.h>

/*
 * Returns 1 with a mount point or record of one such volume in ret, 0: there is none; below the root prefix.
 * An error: that cannot be told.
 */
int staged_find(char ret[PATH_MAX], struct sd_error *err);
