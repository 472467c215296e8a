/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One look at all directories of the configuration. It runs in a child, since a filesystem that hangs must
 * hang nothing else, and leaves what it finds in memory that it shares with the agent.
 */

#include "directory_entry.h"
#include "error.h"
#include "node_config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define SCAN_ENTRIES_MAX 1024

struct scan_place {
	size_t directory;
	char name[NAME_MAX + 1];
};

struct directory_scan {
	/* What is being looked at: if the child does not come back, it hangs there. */
	bool is_looking;
	struct scan_place looking;
	struct sd_error
	        fault[NODE_DIRECTORIES_MAX]; /* of the directory itself: it cannot be read */
	bool is_cut;                         /* there are more entries than there is room */
	size_t n;
	struct directory_entry entry[SCAN_ENTRIES_MAX];
};

/* Memory that a child shares; only what is used of it costs anything. -ENOMEM. */
int directory_scan_new(struct directory_scan **ret, struct sd_error *err);
void directory_scan_free(struct directory_scan **scan);
#define _cleanup_scan_ __attribute__((cleanup(directory_scan_free)))

/*
 * Looks at every entry but those that are silent (n of them). Entries that overlap, so that two tenants
 * would share their data, are refused both (-ENOTUNIQ). lost+found is passed by.
 */
void directory_scan_run(const struct node_config *config, const struct scan_place *silent, size_t n,
        struct directory_scan *scan);
