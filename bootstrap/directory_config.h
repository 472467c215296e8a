/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One directory as the node's configuration writes it. */

#include "error.h"
#include "place.h"
#include "pool.h"

#include <stdbool.h>

/* Each mount point in it, or block device, becomes a PersistentVolume. The strings are the document's. */
struct directory {
	const char *path;       /* on the host, as PersistentVolumes have it */
	const char *mount_path; /* where the agent finds it; the same, unless said otherwise */
	const char *storage_class;
	enum volume_mode mode;
	const char *name_pattern; /* of the entries, fnmatch(3); NULL: all */
	enum reclaim_policy reclaim;
	bool erases;           /* the configuration says how a released block device is cleaned: */
	bool discards;         /* it is discarded, not overwritten with zeros */
	const sd_json *labels; /* of the PersistentVolumes; NULL: none */
	bool takes_over;       /* what the static provisioner has published */
};

/* Fills directory, which is all zeros before. */
int directory_take(const struct place *at, struct directory *directory, struct sd_error *err);
