/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the decisions about disks (reconcile.c) and about the volumes on them (reconcile_volume.c) share. */

#include "reconcile.h"

/* A disk in the making of a decision. */
struct at {
	const struct world *world;
	struct actions *actions;
	size_t disk;
	const struct disk_view *view;
	const struct pool *pool; /* of the disk; NULL: none */
	char why_no_pool[300];
};

/* One more; NULL: there are too many for this time. */
struct action *actions_add(struct actions *actions, enum action_kind kind, size_t disk, size_t pv);
void actions_say(struct actions *actions, size_t disk, size_t pv, enum severity severity,
        const char *reason, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

bool world_is_released(const struct world *world, const struct pv_view *pv);
size_t world_pv_by_id(const struct world *world, const char *id); /* NONE: there is none */

/*
 * The PersistentVolume of what was on this disk before it was erased: its claim is gone, and no disk
 * has its volume any more.
 */
size_t at_predecessor(const struct at *at);

/* Whether what the pool makes can be made without a person: not when the key is in a Secret. */
bool pool_key_is_here(const struct pool *pool);

/* These do nothing while the disk, or the PersistentVolume, is busy or rests. */
void at_act_on_disk(struct at *at, enum action_kind kind, size_t pv);
void at_reclaim(struct at *at, size_t pv);
void at_delete_pv(struct at *at, size_t pv);

/* What failed at it last is said again and again, so that it is heard once. */
void at_say_failure(struct at *at, size_t pv);

/* What is to be done about a volume of ours. */
void reconcile_volume(struct at *at);
