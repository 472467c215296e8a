/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The source of PersistentVolumes that the disks are: looks, asks reconcile() what is to be done, does it. */

#include "agent.h"
#include "reconcile.h"
#include "scan.h"
#include "uevent.h"

#include <stdbool.h>
#include <stdint.h>

/* What the agent remembers of a PersistentVolume beside the object. */
struct pv_note {
	char name[SD_PV_NAME_SIZE];
	bool is_busy; /* a request for it is under way */
	uint64_t rests_until, absent_since;
	unsigned failures;
};

/* Something that is being done: to a disk, to a PersistentVolume, or to both. */
struct work {
	struct work *next;
	struct disks *disks;
	enum action_kind kind;
	struct slot *slot;        /* NULL: none. It is held */
	char pv[SD_PV_NAME_SIZE]; /* its name; "": none */
	char uid[64];
	char id[SD_ID_SIZE]; /* the volume's, as it was when this began */
	bool is_block;       /* the PersistentVolume is of a volume in block mode */
	const struct pool
	        *pool; /* good only until the first callback: the configuration may change */
	char pool_name[64];
	bool is_reading_again; /* a publication that found the name taken */
	char step[PROGRESS_STEP];
	uint64_t done, total; /* bytes of the step; total 0: not known */
	uint64_t began, told; /* uv_now() */
};

struct disks {
	struct agent *agent;
	struct scan scan;
	struct uevents uevents;
	uv_timer_t full;   /* a look at every disk now and then */
	uv_timer_t sweep;  /* of what no pod uses */
	uv_timer_t settle; /* a burst of events is one look */
	char pending[8][UEVENT_NAME_SIZE];
	size_t n_pending; /* more than there is room for: all of them */
	struct pv_note *notes;
	size_t n_notes;
	struct work *works;
	struct conditions conditions;
	bool is_sweeping;
};

extern const struct source disks_source;

/* The note of a PersistentVolume, made when there is none; NULL without memory. */
struct pv_note *disks_note(struct disks *disks, const char *name);
