/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The driver directory in kubelet's plugin directory, with its versions side by side:
 *
 *	solodisk~disk/disk -> .v/0.2.0-1a2b3c4d/disk	what kubelet calls; changed by one rename
 *	solodisk~disk/.previous -> .v/0.1.0-...		what it was before
 *	solodisk~disk/.config.json			this node's; each version has a link to it
 *	solodisk~disk/.v/...				a bundle's driver/ each
 *
 * kubelet takes every name without a dot at its beginning for a driver, watches what it found when it
 * started, and looks at any moment (pkg/volume/flexvolume/probe.go): so a version appears by one rename too.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

#define DRIVER_NAME "solodisk~disk"
#define VERSION_SIZE 64

struct versions {
	char current[VERSION_SIZE];  /* empty: none, or one without a bundle */
	char previous[VERSION_SIZE]; /* the same */
	bool installed;              /* kubelet finds an executable */
};

/* What is there; plugin_fd is the plugin directory. */
void versions_look(int plugin_fd, struct versions *ret);

/*
 * Installs the driver in from_fd, a bundle's driver/, and makes it what kubelet calls. attach: 1 or 0 writes
 * that mode into the configuration, -1 leaves it (false, if there is none). At most two versions before
 * this one are kept, so that calls under way keep their files. ret: what is there then.
 */
int versions_install(
        int plugin_fd, int from_fd, int attach, struct versions *ret, struct sd_error *err);

/* Makes the previous one what kubelet calls, and this one the previous. -ENOENT: there is none. */
int versions_roll_back(int plugin_fd, struct versions *ret, struct sd_error *err);

/* Takes all of it away, the executable last. */
int versions_remove(int plugin_fd, struct sd_error *err);

/* The mode in the configuration: 1, 0. No configuration: 0. -EINVAL: it is not valid. */
int versions_attach(int plugin_fd, struct sd_error *err);
