/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "node.h"
#include "pv.h"
#include "work.h"

#include <errno.h>
#include <string.h>

static int make(struct work *work, sd_json **ret, struct sd_error *err)
{
	const struct disk_view *view = &work->slot->view;
	const struct agent *agent = work->disks->agent;
	const struct pool *pool = work->pool;
	const struct pv pv = {
		.id = view->id,
		.capacity = pv_capacity(view->size, view->luks),
		.wwid = view->disk.wwid,
		.block = pool->mode == VOLUME_BLOCK,
		.reserved = pool->mode == VOLUME_BLOCK,
		.fs_type = pool->filesystem,
		.mount_options = pool->mount_options,
		.luks = view->luks,
		.key = pool->key,
		.secret_namespace = pool->secret_namespace,
		.secret_name = pool->secret_name,
		.node = agent->node.hostname,
		.storage_class = pool->storage_class,
		.reclaim = pool->reclaim == RECLAIM_DELETE ? "Delete" : "Retain",
		.pool = pool->name,
		.model = view->disk.model,
		.serial = view->disk.serial,
		.rotational = view->disk.rotational ? "true" : "false",
		.owner_name = agent->settings.config.owner_reference ? agent->node.name : NULL,
		.owner_uid = agent->node.uid,
	};

	return pv_make(&pv, ret, err);
}

/* One that is there already: ours, made by hand perhaps, or another node's. */
static void take_existing(struct work *work, const sd_json *object)
{
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	struct agent *agent = work->disks->agent;
	struct sd_error err = SD_ERROR_INIT;

	if (pv_view_take(object, &pv, &err) < 0) {
		work_end(work, &err);
		return;
	}
	if (reconcile_is_ours(&pv, agent->node.hostname)) {
		node_pv_put(agent, object);
		work_end(work, NULL);
		return;
	}
	(void)snprintf(work->slot->elsewhere, sizeof(work->slot->elsewhere),
	        "volume %s is published already, for the node %s: a copied disk, or one that moved? "
	        "Delete that PersistentVolume if its disk is here now",
	        work->id, pv.hostname ? pv.hostname : "(none)");
	work_end(work, &(struct sd_error){ EAGAIN, "its volume is published elsewhere" });
}

static void on_read(void *data, const struct api_answer *answer)
{
	struct work *work = data;

	if (!answer->err.code && answer->body)
		take_existing(work, answer->body);
	else
		work_end(work, answer->err.code == ENOENT ? NULL : &answer->err);
}

static void on_created(void *data, const struct api_answer *answer)
{
	struct work *work = data;
	struct agent *agent = work->disks->agent;
	const struct pv_view *pv = NULL;
	char path[PV_PATH_SIZE];

	if (answer->err.code == EEXIST) {
		work_pv_path(work, path);
		work_send(work, API_GET, path, NULL, on_read);
		return;
	}
	if (!answer->err.code && answer->body) {
		work->slot->elsewhere[0] = '\0';
		node_pv_put(agent, answer->body);
		pv = pvs_by_name(&agent->pvs, work->pv);
	}
	if (pv && !pv->is_reserved)
		report_event(&agent->report, pv, EVENT_NORMAL, "Published",
		        "volume %s on %s (%s) of pool %s is published", work->id,
		        work->slot->view.disk.name, work->slot->view.disk.wwid, work->pool_name);
	work_end(work, &answer->err);
}

void publish_begin(struct work *work)
{
	struct sd_error err = SD_ERROR_INIT;
	sd_json *json;

	sd_id_pv_name(work->id, work->pv);
	if (make(work, &json, &err) < 0)
		work_end(work, &err);
	else
		work_send(work, API_CREATE, "/api/v1/persistentvolumes", json, on_created);
}
