/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile.h"
#include "key_reference.h"
#include "pool.h"
#include "pv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

/* A disk in the making of a decision. */
struct at {
	const struct world *world;
	struct actions *actions;
	size_t disk;
	const struct disk_view *view;
	const struct pool *pool; /* of the disk; NULL: none */
	char why_no_pool[300];
};

static struct action *add(struct actions *actions, enum action_kind kind, size_t disk, size_t pv)
{
	struct action *action;

	if (!actions->action || actions->n >= ACTIONS_MAX)
		return NULL;
	action = &actions->action[actions->n++];
	*action = (struct action){ .kind = kind, .disk = disk, .pv = pv };
	return action;
}

static void say(struct actions *actions, size_t disk, size_t pv, enum severity severity,
        const char *reason, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void say(struct actions *actions, size_t disk, size_t pv, enum severity severity,
        const char *reason, const char *fmt, ...)
{
	struct action *action = add(actions, ACT_SAY, disk, pv);
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
	return pv->id[0] && pv->driver && strcmp(pv->driver, PV_DRIVER) == 0 && pv->hostname &&
	        strcmp(pv->hostname, hostname) == 0;
}

bool reconcile_is_released(const struct pv_view *pv, const char *hostname)
{
	return pv->phase == PV_RELEASED && pv->deletes && !pv->is_going &&
	        reconcile_is_ours(pv, hostname) && pv->provisioner &&
	        strcmp(pv->provisioner, PV_PROVISIONER) == 0;
}

static bool is_released(const struct world *world, const struct pv_view *pv)
{
	return reconcile_is_released(pv, world->hostname);
}

static bool is_volume(const struct disk_view *view)
{
	return view->kind == SURVEY_OURS;
}

static size_t pv_by_id(const struct world *world, const char *id)
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

/*
 * The PersistentVolume of what was on this disk before it was erased: its claim is gone, and no disk
 * has its volume any more.
 */
static size_t predecessor(const struct at *at)
{
	const struct world *world = at->world;

	for (size_t i = 0; i < world->n_pvs; i++) {
		const struct pv_view *pv = world->pvs[i].pv;

		if (is_released(world, pv) && pv->wwid &&
		        strcmp(pv->wwid, at->view->disk.wwid) == 0 &&
		        disk_by_id(world, pv->id) == NONE)
			return i;
	}
	return NONE;
}

/* Whether what the pool makes can be made without a person: not when the key is in a Secret. */
static bool is_key_here(const struct pool *pool)
{
	struct key_reference reference = { 0 };

	if (!pool->luks)
		return true;
	return key_reference_parse(pool->key, &reference) == 0 && !reference.in_secret;
}

static void act_on_disk(struct at *at, enum action_kind kind, size_t pv)
{
	struct action *action;

	if (at->world->disks[at->disk].rests)
		return;
	action = add(at->actions, kind, at->disk, pv);
	if (action)
		action->pool = at->pool;
}

/* What failed at it last is said again and again, so that it is heard once. */
static void say_failure(struct at *at, size_t pv)
{
	const char *failure = at->world->disks[at->disk].failure;

	if (failure[0])
		say(at->actions, at->disk, pv, EVENT_WARNING, "DiskFailed", "%s (%s): %s",
		        at->view->disk.name, at->view->disk.wwid, failure);
}

static void reclaim(struct at *at, size_t pv)
{
	struct action *action;

	say_failure(at, pv);
	if (at->world->pvs[pv].is_busy || at->world->disks[at->disk].rests)
		return;
	action = add(at->actions, ACT_RECLAIM, at->disk, pv);
	if (action && at->pool && is_key_here(at->pool))
		action->pool = at->pool;
}

static void delete_pv(struct at *at, size_t pv)
{
	if (!at->world->pvs[pv].is_busy)
		(void)add(at->actions, ACT_DELETE_PV, at->disk, pv);
}

/* A disk that holds nothing of ours. */
static void decide_blank(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t old = predecessor(at);

	if (old != NONE) { /* an operator gave the disk back after it was erased */
		delete_pv(at, old);
		return;
	}
	if (!at->pool) {
		if (pools_matching(at->world->config->pools, at->world->config->n_pools, disk) > 0)
			say(at->actions, at->disk, NONE, EVENT_WARNING, "PoolUnclear",
			        "%s (%s): %s", disk->name, disk->wwid, at->why_no_pool);
		return;
	}
	if (at->pool->automatic) {
		say_failure(at, NONE);
		act_on_disk(at, ACT_PREPARE, NONE);
		return;
	}
	say(at->actions, at->disk, NONE, EVENT_NORMAL, "DiskWaits",
	        "%s (%s, %" PRIu64
	        " MiB) is blank and of pool %s; \"solodisk plan\" and \"solodisk "
	        "apply\" on this node make a volume of it",
	        disk->name, disk->wwid, disk->size / MIB, at->pool->name);
}

static void decide_preparing(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t old = predecessor(at);

	if (old != NONE && at->pool && is_key_here(at->pool)) {
		reclaim(at, old);
		return;
	}
	if (old != NONE)
		delete_pv(at, old);
	if (at->pool && at->pool->automatic) {
		say_failure(at, NONE);
		act_on_disk(at, ACT_PREPARE, NONE);
		return;
	}
	say(at->actions, at->disk, NONE, EVENT_NORMAL, "DiskWaits",
	        "%s (%s) %s; \"solodisk prepare\" on this node makes a volume of it%s", disk->name,
	        disk->wwid,
	        at->view->is_erased ? "is erased" : "was being prepared when that was cut off",
	        at->pool && !is_key_here(at->pool) ? ", with the key of its pool's Secret" : "");
}

/* Its capacity follows the volume, and that the disk. */
static void follow_size(struct at *at, size_t pv)
{
	const struct pv_view *object = at->world->pvs[pv].pv;
	uint64_t capacity = pv_capacity(at->view->size, at->view->luks);
	struct action *action;

	if (at->view->grew) {
		say_failure(at, NONE);
		act_on_disk(at, ACT_GROW, pv);
		return;
	}
	if (!object->capacity || capacity <= object->capacity || at->world->pvs[pv].is_busy)
		return;
	action = add(at->actions, ACT_RAISE, at->disk, pv);
	if (action)
		action->capacity = capacity;
}

/* A volume that a PersistentVolume stands for. */
static void decide_published(struct at *at, size_t pv)
{
	const struct pv_view *object = at->world->pvs[pv].pv;
	const struct sd_disk *disk = &at->view->disk;

	if (object->wwid && strcmp(object->wwid, disk->wwid) != 0) {
		say(at->actions, at->disk, pv, EVENT_WARNING, "DiskMismatch",
		        "volume %s is on %s (%s), but was published for the disk %s: a copied disk? "
		        "Neither is touched",
		        at->view->id, disk->name, disk->wwid, object->wwid);
		return;
	}
	if (object->missing_since && !at->world->pvs[pv].is_busy)
		(void)add(at->actions, ACT_MARK_FOUND, at->disk, pv);
	if (is_released(at->world, object))
		reclaim(at, pv);
	else
		follow_size(at, pv);
}

static void decide_ready(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	const struct reconcile_disk *state = &at->world->disks[at->disk];
	size_t pv = pv_by_id(at->world, at->view->id), old = predecessor(at);

	if (pv != NONE) {
		decide_published(at, pv);
		return;
	}
	if (state->elsewhere[0]) {
		say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished", "%s (%s): %s",
		        disk->name, disk->wwid, state->elsewhere);
	}
	if (!at->pool) {
		say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s is ready, but %s", disk->name, disk->wwid, at->view->id,
		        at->why_no_pool[0] ? at->why_no_pool : "no pool takes its disk");
		return;
	}
	if (at->pool->luks != at->view->luks) {
		say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s is %sencrypted, and pool %s wants it otherwise; "
		        "\"solodisk erase\" makes it anew",
		        disk->name, disk->wwid, at->view->id, at->view->luks ? "" : "not ",
		        at->pool->name);
		return;
	}
	if (at->pool->filesystem && at->view->filesystem[0] &&
	        strcmp(at->pool->filesystem, at->view->filesystem) != 0) {
		say(at->actions, at->disk, NONE, EVENT_WARNING, "NotPublished",
		        "%s (%s): volume %s holds %s, and pool %s wants %s; \"solodisk erase\" makes it "
		        "anew",
		        disk->name, disk->wwid, at->view->id, at->view->filesystem, at->pool->name,
		        at->pool->filesystem);
		return;
	}
	say_failure(at, NONE);
	if (old != NONE)
		delete_pv(at, old);
	else
		act_on_disk(at, ACT_PUBLISH, NONE);
}

static void decide_used(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t pv = pv_by_id(at->world, at->view->id);

	if (pv != NONE)
		decide_published(at, pv);
	else
		say(at->actions, at->disk, NONE, EVENT_WARNING, "VolumeWithoutPV",
		        "%s (%s): volume %s has a tenant's data and no PersistentVolume; \"solodisk adopt\" "
		        "on this node keeps the data, \"solodisk erase\" destroys it",
		        disk->name, disk->wwid, at->view->id);
}

static void decide_erasing(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t pv = pv_by_id(at->world, at->view->id);

	if (pv != NONE && is_released(at->world, at->world->pvs[pv].pv))
		reclaim(at, pv);
	else
		say(at->actions, at->disk, pv, EVENT_WARNING, "EraseInterrupted",
		        "%s (%s): volume %s is being erased by hand, or that was cut off; \"solodisk "
		        "erase\" goes on",
		        disk->name, disk->wwid, at->view->id);
}

static void decide_failed(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;
	size_t pv = pv_by_id(at->world, at->view->id), old = predecessor(at);

	say(at->actions, at->disk, pv, EVENT_WARNING, "VolumeFailed", "%s (%s): volume %s %s",
	        disk->name, disk->wwid, at->view->id, at->view->note);
	if (old != NONE) /* its own volume was erased; it is the next one that failed */
		delete_pv(at, old);
}

/* Whether no one can say which of two disks is meant. */
static bool is_ambiguous(struct at *at)
{
	const struct world *world = at->world;
	const struct disk_view *view = at->view;

	if (view->disk.wwid_repeated) {
		say(at->actions, at->disk, NONE, EVENT_WARNING, "DiskTwice",
		        "%s: another disk has the WWID %s too (two paths to one?); neither is touched",
		        view->disk.name, view->disk.wwid);
		return true;
	}
	for (size_t i = 0; is_volume(view) && i < world->n_disks; i++) {
		const struct disk_view *other = world->disks[i].view;

		if (i == at->disk || !is_volume(other) || strcmp(other->id, view->id) != 0)
			continue;
		say(at->actions, at->disk, pv_by_id(world, view->id), EVENT_WARNING, "VolumeTwice",
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

static void decide_volume(struct at *at)
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

static void decide_disk(struct at *at)
{
	const struct sd_disk *disk = &at->view->disk;

	if (disk->hidden || is_ambiguous(at))
		return;
	at->pool = pools_match(at->world->config->pools, at->world->config->n_pools, disk,
	        at->why_no_pool, sizeof(at->why_no_pool));
	if (at->pool && at->pool->mode == VOLUME_BLOCK) {
		(void)snprintf(at->why_no_pool, sizeof(at->why_no_pool),
		        "its pool \"%s\" is for block volumes, of which nothing is made yet",
		        at->pool->name);
		at->pool = NULL;
	}
	switch (at->view->kind) {
	case SURVEY_BLANK:
		decide_blank(at);
		break;
	case SURVEY_OURS:
		decide_volume(at);
		break;
	case SURVEY_DAMAGED:
		say(at->actions, at->disk, NONE, EVENT_WARNING, "VolumeDamaged", "%s (%s): %s",
		        disk->name, disk->wwid, at->view->note);
		break;
	case SURVEY_TAKEN:
		if (at->pool)
			say(at->actions, at->disk, NONE, EVENT_NORMAL, "DiskLeft",
			        "%s (%s) is of pool %s, but is left alone: %s", disk->name,
			        disk->wwid, at->pool->name, at->view->note);
		break;
	case SURVEY_UNKNOWN:
		if (at->pool)
			say(at->actions, at->disk, NONE, EVENT_WARNING, "DiskUnknown",
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
		if (!is_released(world, pv)) /* else it is the disk's to decide */
			say(actions, disk, i, EVENT_WARNING, "VolumeGone",
			        "its disk %s (%s) does not carry volume %s any more: it was erased by "
			        "hand; this PersistentVolume can be deleted",
			        view->disk.name, view->disk.wwid, pv->id);
		return;
	}
	say(actions, disk, i, EVENT_WARNING, "DiskMissing",
	        "no disk of this node carries volume %s%s%s", pv->id,
	        view               ? "; its disk "
	                : pv->wwid ? "; its disk was "
	                           : "",
	        view               ? view->note
	                : pv->wwid ? pv->wwid
	                           : "");
	if (!pv->missing_since && !world->pvs[i].is_busy)
		(void)add(actions, ACT_MARK_MISSING, disk, i);
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
