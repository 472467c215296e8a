/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A volume in block mode: marked used by the agent itself, and only then let go for tenants. */

#include "claim.h"
#include "cleanup.h"
#include "log.h"
#include "node.h"
#include "pv.h"
#include "work.h"

#include <errno.h>
#include <string.h>

static int mark_run_child(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	const struct work *work = data;
	int r;

	(void)i;
	(void)events;
	r = claim_take(disk, "agent", &claim, err);
	if (r < 0)
		return r;
	if (strcmp(claim.volume.mark.id, work->id) != 0 ||
	        claim.volume.mark.state != SD_STATE_READY)
		return sd_error_set(err, ESTALE, "it changed meanwhile");
	ret->touched = true;
	r = sd_volume_set_state(&claim.volume, SD_STATE_USED, err);
	if (r == 0)
		sd_log(LOG_NOTICE, "%s (%s): volume %s is marked used, for block mode", disk->name,
		        disk->wwid, work->id);
	return r;
}

static void on_marked(void *data, struct job_message *result)
{
	work_end(data, &result->err);
}

void mark_begin(struct work *work)
{
	work_start_child(work, mark_run_child, NULL, on_marked);
}

static void on_let_go(void *data, const struct api_answer *answer)
{
	struct work *work = data;
	struct agent *agent = work->disks->agent;

	if (!answer->err.code)
		report_event(&agent->report, pvs_by_name(&agent->pvs, work->pv), EVENT_NORMAL,
		        "Published",
		        "the volume is marked used, as its tenant will have it, and published");
	work_take_changed(work, answer);
}

void let_go_begin(struct work *work, const struct pv_view *pv)
{
	sd_json *body = work_make_patch(pv->uid, pv->version, PV_RESERVED, NULL);
	sd_json *spec = sd_json_object();
	char path[PV_PATH_SIZE];

	if (!body || !spec) {
		sd_json_free(spec);
		sd_json_free(body);
		body = NULL;
	} else {
		(void)sd_json_set_null(spec, "claimRef");
		(void)sd_json_set(body, "spec", spec);
	}
	work_pv_path(work, path);
	work_send(work, API_PATCH, path, body, on_let_go);
}
