/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What install and uninstall begin with: kubelet's plugin directory, given or found. */

#include "error.h"

#include <limits.h>
#include <stdbool.h>

struct plugin_dir {
	const char *given; /* --plugin-dir; NULL: find it */
	const char *root;  /* --root: where the node's root directory is; NULL: / */
	char path[PATH_MAX];
	char found[64];
};

#define PLUGIN_DIR_OPTIONS                              \
	{ "plugin-dir", required_argument, NULL, 'P' }, \
	{                                               \
		"root", required_argument, NULL, 'R'    \
	}
#define PLUGIN_DIR_HELP                                                                        \
	"  --plugin-dir DIR     kubelet's plugin directory (default: what kubelet was told,\n" \
	"                       else what is usual for the distribution)\n"                    \
	"  --root DIR           where the node's root directory is, in a container\n"

/* Takes one of these options. Returns whether it was one. */
bool plugin_dir_option(struct plugin_dir *dir, int c, const char *argument);

/* Opens it; create: makes what is missing. Fills path and found. */
int plugin_dir_open(struct plugin_dir *dir, bool create, struct sd_error *err);
