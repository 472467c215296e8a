/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is to be done: a pure function of configuration, disks and PersistentVolumes as they are now. It
 * is asked again after whatever changes; nothing is decided anywhere else.
 */

#include "look.h"
#include "node_config.h"
#include "pvs.h"
#include "report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reconcile_disk {
	const struct disk_view *view;
	bool is_settled;       /* the view counts: nothing is under way at it */
	bool rests;            /* something failed at it a moment ago */
	const char *failure;   /* what; "": nothing */
	const char *elsewhere; /* why the volume cannot be published; "": it can */
};

struct reconcile_pv {
	const struct pv_view *pv;
	bool is_busy; /* a request for it is under way, or failed a moment ago */
	uint64_t
	        absent_s; /* how long no disk has had its volume; 0: one has, or it is not known yet */
};

struct world {
	const struct node_config *config;
	const char *hostname; /* the Node's */
	const struct reconcile_disk *disks;
	size_t n_disks;
	const struct reconcile_pv *pvs;
	size_t n_pvs;
	uint64_t missing_after_s;
};

enum action_kind {
	ACT_SAY,     /* reason and text, on the PersistentVolume or, without one, on the Node */
	ACT_PREPARE, /* disk, as the pool says */
	ACT_PUBLISH, /* disk: make a PersistentVolume of its ready volume */
	ACT_RECLAIM, /* disk, pv: erase it, or go on, and make it anew as the pool says */
	ACT_MARK,    /* disk, pv: a volume in block mode is marked used, since no driver does it */
	ACT_LET_GO,  /* pv: reserved until now; its volume is marked */
	ACT_DELETE_PV,    /* pv: its volume is no more */
	ACT_GROW,         /* disk: table and volume follow the disk, which grew */
	ACT_RAISE,        /* pv: to capacity */
	ACT_MARK_MISSING, /* pv */
	ACT_MARK_FOUND,   /* pv */
};

struct action {
	enum action_kind kind;
	size_t disk, pv;         /* indices into the world's; NONE: it has none */
	const struct pool *pool; /* NULL: none, or its key is not here: erase alone */
	uint64_t capacity;
	enum severity severity;
	const char *reason;
	char text[700];
};
#define NONE SIZE_MAX

/* At most that many of one call; what is left comes with the next. */
#define ACTIONS_MAX 256
struct actions {
	struct action *action;
	size_t n;
};

/* Fills ret, which the caller frees with actions_free(). Without memory it does less. */
void reconcile(const struct world *world, struct actions *ret);
void actions_free(struct actions *actions);

/* Whether the PersistentVolume is of a volume on a disk of this node, as the agent or solodisk(8) makes them. */
bool reconcile_is_ours(const struct pv_view *pv, const char *hostname);

/* Whether its data is to be destroyed: the claim is gone, and the policy says so. */
bool reconcile_is_released(const struct pv_view *pv, const char *hostname);

/* Whether none of these disks has its volume, and all of them are known. */
bool reconcile_is_absent(const struct world *world, const struct pv_view *pv);
