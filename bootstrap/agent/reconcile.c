/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile.h"
#include "key_reference.h"
#include "pool.h"
#include "pv.h"
#include "reconcile_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

struct action *actions_add(struct actions *actions, enum action_kind kind, size_t disk, size_t pv)
{
	struct action *action;

	if (!actions->action || actions->n >= ACTIONS_MAX)
		return NULL;
	action = &actions->action[actions->n++];
	*action = (struct action){ .kind = kind, .disk = disk, .pv = pv };
	return action;
}

void actions_say(struct actions *actions, size_t disk, size_t pv, enum severity severity,
        const char *reason, const char *fmt, ...)
{
	struct action *action = actions_add(actions, ACT_SAY, disk, pv);
	va_list ap;

	if (!action)
		return;
	action->severity = severity;
	action->reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(action->text, sizeof(action->text), fmt, ap);
	va_end(ap);
}

bool reconcile_is_ours(const struct pv_view *pv, const char *hostname)
{
	return pv->id[0] && pv->hostname &&
	        (pv->is_block || (pv->driver && strcmp(pv->driver, PV_DRIVER) == 0)) &&
	        strcmp(pv->hostname, hostname) == 0;
}

bool reconcile_is_released(const struct pv_view *pv, const char *hostname)
{
	return pv->phase == PV_RELEASED && pv->deletes && !pv->is_going && !pv->is_reserved &&
	        reconcile_is_ours(pv, hostname) && pv->provisioner &&
	        strcmp(pv->provisioner, PV_PROVISIONER) == 0;
}

bool world_is_released(const struct world *world, const struct pv_view *pv)
{
	return reconcile_is_released(pv, world->hostname);
}

static bool is_volume(const struct disk_view *view)
{
	return view->kind == SURVEY_OURS;
}

size_t world_pv_by_id(const struct world *world, const char *id)
{
	for (size_t i = 0; i < world->n_pvs; i++)
		if (strcmp(world->pvs[i].pv->id, id) == 0 &&
		        reconcile_is_ours(world->pvs[i].pv, world->hostname))
			return i;
	return NONE;
}

static size_t disk_by_id(const struct world *world, const char *id)
{
	for (size_t i = 0; i < world->n_disks; i++)
		if (is_volume(world->disks[i].view) && strcmp(world->disks[i].view->id, id) == 0)
			return i;
	return NONE;
}

static size_t disk_by_wwid(const struct world *world, const char *wwid)
{
	for (size_t i = 0; wwid && i < world->n_disks; i++)
		if (strcmp(world->disks[i].view->disk.wwid, wwid) == 0)
			return i;
	return NONE;
}

bool reconcile_is_absent(const struct world *world, const struct pv_view *pv)
{
	for (size_t i = 0; i < world->n_disks; i++) {
		const struct reconcile_disk *disk = &world->disks[i];

		/* One that is being looked at, or worked on, may be the one, if it is its disk. */
		if (!disk->is_settled &&
		        (!pv->wwid || strcmp(pv->wwid, disk->view->disk.wwid) == 0))
			return false;
	}
	return disk_by_id(world, pv->id) == NONE;
}

size_t at_predecessor(const struct at *at)
{
	const struct world *world = at->world;

	for (size_t i = 0; i < world->n_pvs; i++) {
		const struct pv_view *pv = world->pvs[i].pv;

		if (world_is_released(world, pv) && pv->wwid &&
		        strcmp(pv->wwid, at->view->disk.wwid) == 0 &&
		        disk_by_id(world, pv->id) == NONE)
			return i;
	}
	return NONE;
}

bool pool_key_is_here(const struct pool *pool)
{
	struct key_reference reference = { 0 };

	if (!pool->luks)
		return true;
	return key_reference_parse(pool->key, &reference) == 0 && !reference.in_secret;
}

void at_act_on_disk(struct at *at, enum action_kind kind, size_t pv)
{
	struct action *action;

	if (at->world->disks[at->disk].rests)
		return;
	action = actions_add(at->actions, kind, at->disk, pv);
	if (action)
		action->pool = at->pool;
}

void at_say_failure(struct at *at, size_t pv)
{
	const char *failure = at->world->disks[at->disk].failure;

	if (failure[0])
		actions_say(at->actions, at->disk, pv, EVENT_WARNING, "DiskFailed", "%s (%s): %s",
		        at->view->disk.name, at->view->disk.wwid, failure);
}

void at_reclaim(struct at *at, size_t pv)
{
	struct action *action;

	at_say_failure(at, pv);
	if (at->world->pvs[pv].is_busy || at->world->disks[at->disk].rests)
		return;
	action = actions_add(at->actions, ACT_RECLAIM, at->disk, pv);
	if (action && at->pool && pool_key_is_here(at->pool))
		action->pool = at->pool;
}

void at_delete_pv(struct at *at, size_t pv)
{
	if (!at->world->pvs[pv].is_busy)
		(void)actions_add(at->actions, ACT_DELETE_PV, at->disk, pv);
}

/* A disk that holds nothing of ours. */
static void decide_blank(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t old = at_predecessor(at);

	if (old != NONE) { /* an operator gave the disk back after it was erased */
		at_delete_pv(at, old);
		return;
	}
	if (!at->pool) {
		if (pools_matching(at->world->config->pools, at->world->config->n_pools, disk) > 0)
			actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "PoolUnclear",
			        "%s (%s): %s", disk->name, disk->wwid, at->why_no_pool);
		return;
	}
	if (at->pool->automatic) {
		at_say_failure(at, NONE);
		at_act_on_disk(at, ACT_PREPARE, NONE);
		return;
	}
	actions_say(at->actions, at->disk, NONE, EVENT_NORMAL, "DiskWaits",
	        "%s (%s, %" PRIu64
	        " MiB) is blank and of pool %s; \"solodisk plan\" and \"solodisk "
	        "apply\" on this node make a volume of it",
	        disk->name, disk->wwid, disk->size / MIB, at->pool->name);
}

/* Whether no one can say which of two disks is meant. */
static bool is_ambiguous(struct at *at)
{
	const struct world *world = at->world;
	const struct disk_view *view = at->view;

	if (view->disk.wwid_repeated) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "DiskTwice",
		        "%s: another disk has the WWID %s too (two paths to one?); neither is touched",
		        view->disk.name, view->disk.wwid);
		return true;
	}
	for (size_t i = 0; is_volume(view) && i < world->n_disks; i++) {
		const struct disk_view *other = world->disks[i].view;

		if (i == at->disk || !is_volume(other) || strcmp(other->id, view->id) != 0)
			continue;
		actions_say(at->actions, at->disk, world_pv_by_id(world, view->id), EVENT_WARNING,
		        "VolumeTwice",
		        "volume %s is on both %s (%s) and %s (%s): a copied disk? Neither is touched "
		        "before one is taken away",
		        view->id, world->disks[i < at->disk ? i : at->disk].view->disk.name,
		        world->disks[i < at->disk ? i : at->disk].view->disk.wwid,
		        world->disks[i < at->disk ? at->disk : i].view->disk.name,
		        world->disks[i < at->disk ? at->disk : i].view->disk.wwid);
		return true;
	}
	return false;
}

static void decide_disk(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;

	if (disk->hidden || is_ambiguous(at))
		return;
	at->pool = pools_match(at->world->config->pools, at->world->config->n_pools, disk,
	        at->why_no_pool, sizeof(at->why_no_pool));
	switch (at->view->kind) {
	case SURVEY_BLANK:
		decide_blank(at);
		break;
	case SURVEY_OURS:
		reconcile_volume(at);
		break;
	case SURVEY_DAMAGED:
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "VolumeDamaged",
		        "%s (%s): %s", disk->name, disk->wwid, at->view->note);
		break;
	case SURVEY_TAKEN:
		if (at->pool)
			actions_say(at->actions, at->disk, NONE, EVENT_NORMAL, "DiskLeft",
			        "%s (%s) is of pool %s, but is left alone: %s", disk->name,
			        disk->wwid, at->pool->name, at->view->note);
		break;
	case SURVEY_UNKNOWN:
		if (at->pool)
			actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "DiskUnknown",
			        "%s (%s): %s", disk->name, disk->wwid, at->view->note);
		break;
	}
}

/* A PersistentVolume whose volume is on no disk. */
static void decide_absent(const struct world *world, size_t i, struct actions *actions)
{
	const struct pv_view *pv = world->pvs[i].pv;
	size_t disk = disk_by_wwid(world, pv->wwid);
	const struct disk_view *view = disk == NONE ? NULL : world->disks[disk].view;

	if (pv->is_going || world->pvs[i].absent_s == 0 ||
	        world->pvs[i].absent_s < world->missing_after_s)
		return;
	if (view && (is_volume(view) || view->kind == SURVEY_BLANK)) {
		if (!world_is_released(world, pv)) /* else it is the disk's to decide */
			actions_say(actions, disk, i, EVENT_WARNING, "VolumeGone",
			        "its disk %s (%s) does not carry volume %s any more: it was erased by "
			        "hand; this PersistentVolume can be deleted",
			        view->disk.name, view->disk.wwid, pv->id);
		return;
	}
	actions_say(actions, disk, i, EVENT_WARNING, "DiskMissing",
	        "no disk of this node carries volume %s%s%s", pv->id,
	        view               ? "; its disk "
	                : pv->wwid ? "; its disk was "
	                           : "",
	        view               ? view->note
	                : pv->wwid ? pv->wwid
	                           : "");
	if (!pv->missing_since && !world->pvs[i].is_busy)
		(void)actions_add(actions, ACT_MARK_MISSING, disk, i);
}

void reconcile(const struct world *world, struct actions *ret)
{
	/* Pages that are not touched cost nothing. */
	*ret = (struct actions){ .action = calloc(ACTIONS_MAX, sizeof(struct action)) };
	for (size_t i = 0; i < world->n_disks; i++) {
		struct at at = {
			.world = world,
			.actions = ret,
			.disk = i,
			.view = world->disks[i].view,
		};

		if (world->disks[i].is_settled)
			decide_disk(&at);
	}
	for (size_t i = 0; i < world->n_pvs; i++)
		if (reconcile_is_ours(world->pvs[i].pv, world->hostname) &&
		        reconcile_is_absent(world, world->pvs[i].pv))
			decide_absent(world, i, ret);
}

void actions_free(struct actions *actions)
{
	free(actions->action);
	*actions = (struct actions){ 0 };
}
