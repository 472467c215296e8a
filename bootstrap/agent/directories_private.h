/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The directories' own state, and what is decided by it. */

#include "directory_scan.h"
#include "directory_volume.h"
#include "directory_watch.h"

#define SILENT_MAX 16

struct directories {
	struct directory_watch *watch;
	uv_timer_t timer;
	bool has_timer;
	uint64_t loads; /* of the settings that the last scan was made by */

	bool is_wanted;              /* a scan */
	struct directory_scan *scan; /* one that runs; else NULL */
	uint64_t scan_loads, ended_at;
	uint64_t n_scans;
	struct scan_place silent[SILENT_MAX];
	size_t n_silent;
	uint64_t silent_at;

	struct directory_scan
	        *found; /* by the last one; NULL: nothing of the configuration in force */

	struct directory_volume *volumes;
	struct conditions conditions;
};

/* Does what is to be done about every entry and every PersistentVolume of one; scans are known. */
void directories_decide(struct agent *agent);
