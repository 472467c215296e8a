/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is to be done about a disk that carries a volume of ours, by the volume's state. */

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

/* Its capacity follows the volume, and that the disk. */
static void follow_size(struct at *at, size_t pv)
{
	const struct pv_view *object = at->world->pvs[pv].pv;
	uint64_t capacity = pv_capacity(at->view->size, at->view->luks);
	struct action *action;

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
	if (world_is_released(at->world, object))
		at_reclaim(at, pv);
	else
		follow_size(at, pv);
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
	if (at->pool->luks != at->view->luks) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s is %sencrypted, and pool %s wants it otherwise; "
		        "\"solodisk erase\" makes it anew",
		        disk->name, disk->wwid, at->view->id, at->view->luks ? "" : "not ",
		        at->pool->name);
		return;
	}
	if (at->pool->filesystem && at->view->filesystem[0] &&
	        strcmp(at->pool->filesystem, at->view->filesystem) != 0) {
		actions_say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s holds %s, and pool %s wants %s; \"solodisk erase\" makes it "
		        "anew",
		        disk->name, disk->wwid, at->view->id, at->view->filesystem, at->pool->name,
		        at->pool->filesystem);
		return;
	}
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
