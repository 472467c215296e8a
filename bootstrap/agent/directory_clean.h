/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Cleaning a released entry for the next tenant: a filesystem is emptied, a block device overwritten or
 * discarded and read back. It runs in a child, and can be stopped and repeated.
 */

#include "directory_entry.h"
#include "error.h"
#include "job.h"
#include "node_config.h"

#include <stdint.h>

struct directory_clean {
	const struct node_config *config;
	const struct directory_entry *entry; /* as the scan found it */
	const char *pv;                      /* the PersistentVolume's name */
	const char *content; /* what it was made of (PV_CONTENT); NULL: it does not say */
	uint64_t from;       /* of a device: so many bytes were cleaned by an earlier run */
};

/*
 * A job's work (job.h); data is a struct directory_clean. Looks at everything again first, and refuses
 * (-ESTALE) what is not the entry that it was, or was made of something else, and (-EBUSY) what
 * anybody has in use. The amounts that it tells are what is safe on the medium, or removals.
 */
int directory_clean_run(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err);
