/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is to be done about a disk that carries a volume of ours, by the volume's state. */

#include "content.h"
#include "pool.h"
#include "pv.h"
#include "reconcile_private.h"

#include <string.h>

static void decide_preparing(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t old = at_predecessor(at);

	if (old != NONE && at->pool && pool_key_is_here(at->pool)) {
		at_reclaim(at, old);
		return;
	}
	if (old != NONE)
		at_delete_pv(at, old);
	if (at->pool && at->pool->automatic) {
		at_say_failure(at, NONE);
		at_act_on_disk(at, ACT_PREPARE, NONE);
		return;
	}
	actions_say(at->actions, at->disk, NONE, EVENT_NORMAL, "DiskWaits",
	        "%s (%s) %s; \"solodisk prepare\" on this node makes a volume of it%s", disk->name,
	        disk->wwid,
	        at->view->is_erased ? "is erased" : "was being prepared when that was cut off",
	        at->pool && !pool_key_is_here(at->pool) ? ", with the key of its pool's Secret"
	                                                : "");
}

/*
 * Its capacity follows the volume, and that the disk. What a tenant has made on a raw device is the tenant's
 * to enlarge; the volume takes the room when it is erased.
 */
static void follow_size(struct at *at, size_t pv)
{
	const struct pv_view *object = at->world->pvs[pv].pv;
	uint64_t capacity = pv_capacity(at->view->size, at->view->luks);
	struct action *action;

	if (object->is_block)
		return;
	if (at->view->grew) {
		at_say_failure(at, NONE);
		at_act_on_disk(at, ACT_GROW, pv);
		return;
	}
	if (!object->capacity || capacity <= object->capacity || at->world->pvs[pv].is_busy)
		return;
	action = actions_add(at->actions, ACT_RAISE, at->disk, pv);
	if (action)
		action->capacity = capacity;
}

/* In block mode: the mark is the agent's to change, before anybody gets it. Returns whether there is nothing else to do. */
static bool decide_block(struct at *at, size_t pv)
{
	const struct pv_view *object = at->world->pvs[pv].pv;

	if (!object->is_block || object->is_going || world_is_released(at->world, object))
		return false;
	if (at->view->state == SD_STATE_READY) {
		at_say_failure(at, pv);
		at_act_on_disk(at, ACT_MARK, pv);
		return true;
	}
	if (!object->is_reserved)
		return false;
	if (object->is_claimed)
		actions_say(at->actions, at->disk, pv, EVENT_WARNING, "NotPublished",
		        "the claim %s has taken this PersistentVolume before it was let go; it is left "
		        "alone until that claim is gone and its disk is erased by hand",
		        object->claim);
	else if (!at->world->pvs[pv].is_busy)
		(void)actions_add(at->actions, ACT_LET_GO, at->disk, pv);
	return true;
}

/* A volume that a PersistentVolume stands for. */
static void decide_published(struct at *at, size_t pv)
{
	const struct pv_view *object = at->world->pvs[pv].pv;
	const struct sd_disk *disk = &at->view->disk;

	if (object->wwid && strcmp(object->wwid, disk->wwid) != 0) {
		actions_say(at->actions, at->disk, pv, EVENT_WARNING, "DiskMismatch",
		        "volume %s is on %s (%s), but was published for the disk %s: a copied disk? "
		        "Neither is touched",
		        at->view->id, disk->name, disk->wwid, object->wwid);
		return;
	}
	if (object->missing_since && !at->world->pvs[pv].is_busy)
		(void)actions_add(at->actions, ACT_MARK_FOUND, at->disk, pv);
	if (decide_block(at, pv))
		return;
	if (world_is_released(at->world, object))
		at_reclaim(at, pv);
	else
		follow_size(at, pv);
}

/* Whether a ready volume is what its pool makes; else it is told. */
static bool is_as_pool_wants(struct at *at)
{
	const struct disk_view *view = at->view;
	const struct pool *pool = at->pool;
	const char *wants = pool_filesystem(pool);
	const char *holds = view->is_empty ? CONTENT_NONE : view->filesystem;

	if (pool->luks != view->luks) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s is %sencrypted, and pool %s wants it otherwise; "
		        "\"solodisk erase\" makes it anew",
		        view->disk.name, view->disk.wwid, view->id, view->luks ? "" : "not ",
		        pool->name);
		return false;
	}
	if (strcmp(wants, holds) != 0 && (holds[0] || pool->mode == VOLUME_BLOCK)) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s holds %s, and pool %s wants filesystem %s; \"solodisk "
		        "erase\" makes it anew",
		        view->disk.name, view->disk.wwid, view->id, holds[0] ? holds : "something",
		        pool->name, wants);
		return false;
	}
	return true;
}

static void decide_ready(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	const struct reconcile_disk *state = &at->world->disks[at->disk];
	size_t pv = world_pv_by_id(at->world, at->view->id), old = at_predecessor(at);

	if (pv != NONE) {
		decide_published(at, pv);
		return;
	}
	if (state->elsewhere[0]) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): %s", disk->name, disk->wwid, state->elsewhere);
	}
	if (!at->pool) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s is ready, but %s", disk->name, disk->wwid, at->view->id,
		        at->why_no_pool[0] ? at->why_no_pool : "no pool takes its disk");
		return;
	}
	if (!is_as_pool_wants(at))
		return;
	at_say_failure(at, NONE);
	if (old != NONE)
		at_delete_pv(at, old);
	else
		at_act_on_disk(at, ACT_PUBLISH, NONE);
}

static void decide_used(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t pv = world_pv_by_id(at->world, at->view->id);

	if (pv != NONE)
		decide_published(at, pv);
	else
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "VolumeWithoutPV",
		        "%s (%s): volume %s has a tenant's data and no PersistentVolume; \"solodisk adopt\" "
		        "on this node keeps the data, \"solodisk erase\" destroys it",
		        disk->name, disk->wwid, at->view->id);
}

static void decide_erasing(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t pv = world_pv_by_id(at->world, at->view->id);

	if (pv != NONE && world_is_released(at->world, at->world->pvs[pv].pv))
		at_reclaim(at, pv);
	else
		actions_say(at->actions, at->disk, pv, EVENT_WARNING, "EraseInterrupted",
		        "%s (%s): volume %s is being erased by hand, or that was cut off; \"solodisk "
		        "erase\" goes on",
		        disk->name, disk->wwid, at->view->id);
}

static void decide_failed(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t pv = world_pv_by_id(at->world, at->view->id), old = at_predecessor(at);

	actions_say(at->actions, at->disk, pv, EVENT_WARNING, "VolumeFailed",
	        "%s (%s): volume %s %s", disk->name, disk->wwid, at->view->id, at->view->note);
	if (old != NONE) /* its own volume was erased; it is the next one that failed */
		at_delete_pv(at, old);
}

void reconcile_volume(struct at *at)
{
	switch (at->view->state) {
	case SD_STATE_PREPARING:
		decide_preparing(at);
		break;
	case SD_STATE_READY:
		decide_ready(at);
		break;
	case SD_STATE_USED:
		decide_used(at);
		break;
	case SD_STATE_ERASING:
		decide_erasing(at);
		break;
	case SD_STATE_FAILED:
		decide_failed(at);
		break;
	}
}
