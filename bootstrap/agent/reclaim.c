/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What children do to a disk: erase it for the next tenant, prepare it, let it grow. */

#include "cleanup.h"
#include "erase.h"
#include "grow.h"
#include "keysource.h"
#include "log.h"
#include "node.h"
#include "prepare.h"
#include "pv.h"
#include "work.h"

#include <errno.h>
#include <string.h>

/* In the child: what the pool makes. key is the caller's. */
static int pool_recipe(
        const struct pool *pool, struct sd_key *key, struct recipe *ret, struct sd_error *err)
{
	const struct key_source source = {
		.key = pool->key,
		.passphrase = pool->kdf == SD_KDF_ARGON2ID,
	};
	int r;

	(void)snprintf(ret->filesystem, sizeof(ret->filesystem), "%s", pool_filesystem(pool));
	ret->kdf = pool->kdf;
	if (!pool->luks)
		return 0;
	r = key_source_read(&source, key, err);
	if (r < 0)
		return sd_error_wrap(err, "the key of pool %s", pool->name);
	sd_key_lock(key);
	ret->key = key;
	return 0;
}

static int erase_run_child(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	const struct work *work = data;
	const struct pool *pool = work->pool;
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct erase erase = { .events = events, .no_prepare = !pool };
	struct erase_plan plan;
	int r = 0;

	(void)i;
	if (pool) {
		r = pool_recipe(pool, &key, &erase.recipe, err);
		erase.encryption = pool->luks ? ERASE_LUKS2 : ERASE_PLAIN;
		erase.kdf_is_given = pool->luks;
		if (pool->erase == POOL_ERASE_ZERO)
			erase.method = ERASE_ZERO;
		else if (pool->erase == POOL_ERASE_DISCARD)
			erase.method = ERASE_DISCARD;
	}
	/* Whatever a tenant has made on it, LUKS perhaps, is the tenant's: all of the device goes. */
	if (work->is_block && erase.method == ERASE_AUTO)
		erase.method = ERASE_ZERO;
	if (r == 0)
		r = erase_make_plan(&erase, disk, &plan, err);
	if (r < 0)
		return r;
	if (strcmp(plan.id, work->id) != 0)
		return sd_error_set(err, ESTALE, "it carries another volume by now: %s", plan.id);
	return erase_run(&plan, events, ret, err);
}

static int prepare_run_child(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	const struct work *work = data;
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct prepare prepare = { .seen = &work->slot->view.seen, .events = events };
	int r;

	(void)i;
	if (!prepare.seen->size)
		return sd_error_set(err, EIO, "who it is could not be told");
	r = pool_recipe(work->pool, &key, &prepare.recipe, err);
	return r < 0 ? r : prepare_disk(&prepare, disk, ret, err);
}

static int grow_run_child(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	const struct work *work = data;
	struct grown grown = { 0 };
	int r;

	(void)i;
	(void)events;
	survey_disk(disk, &survey);
	if (survey.kind != SURVEY_OURS || strcmp(survey.mark.id, work->id) != 0)
		return sd_error_set(err, ESTALE, "it changed meanwhile");
	r = grow_volume(&survey, NULL, &grown, err);
	ret->touched = grown.touched;
	return r;
}

static void on_news(void *data, const struct job_message *news)
{
	struct work *work = data;

	(void)snprintf(work->step, sizeof(work->step), "%s", news->step);
	work->done = news->done;
	work->total = news->total;
	patch_progress(work);
}

static void tell_reclaimed(struct work *work, const struct job_message *result)
{
	struct agent *agent = work->disks->agent;
	const struct sd_disk *disk = &work->slot->view.disk;
	double seconds = (double)(uv_now(&agent->loop) - work->began) / 1000;

	metrics_observe(agent->metrics, METRIC_ERASE_SECONDS, seconds);
	if (result->outcome.warning[0])
		sd_log(LOG_WARNING, "%s: %s", disk->name, result->outcome.warning);
	if (work->pool_name[0])
		report_event(&agent->report, NULL, EVENT_NORMAL, "VolumeReclaimed",
		        "%s (%s): volume %s was erased in %.1f s; volume %s is ready", disk->name,
		        disk->wwid, work->id, seconds, result->outcome.id);
	else
		report_event(&agent->report, NULL, EVENT_NORMAL, "VolumeErased",
		        "%s (%s): volume %s was erased in %.1f s; \"solodisk prepare\" on this node "
		        "makes it anew",
		        disk->name, disk->wwid, work->id, seconds);
}

static void on_end(void *data, struct job_message *result)
{
	struct work *work = data;
	struct disks *disks = work->disks;
	const struct sd_disk *disk = &work->slot->view.disk;

	if (result->err.code) {
		if (work->kind != ACT_GROW)
			metrics_add(disks->agent->metrics,
			        work->kind == ACT_PREPARE ? METRIC_PREPARE_FAILURES
			                                  : METRIC_ERASE_FAILURES,
			        work->pool_name, "", 1);
	} else if (work->kind == ACT_RECLAIM) {
		tell_reclaimed(work, result);
	} else if (work->kind == ACT_PREPARE && !result->outcome.done_before) {
		report_event(&disks->agent->report, NULL, EVENT_NORMAL, "DiskPrepared",
		        "%s (%s): prepared for pool %s; volume %s is ready", disk->name, disk->wwid,
		        work->pool_name, result->outcome.id);
	}
	work_end(work, &result->err);
}

/* Read again right before: the claim may be back, or the policy another. */
static void on_read_again(void *data, const struct api_answer *answer)
{
	struct work *work = data;
	struct agent *agent = work->disks->agent;
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	struct sd_error err = answer->err;

	if (agent->is_stopping || err.code == ENOENT) {
		work_end(work, NULL);
		return;
	}
	if (!err.code)
		(void)pv_view_take(answer->body, &pv, &err);
	if (err.code) {
		work_end(work, &err);
		return;
	}
	node_pv_put(agent, answer->body);
	if (strcmp(pv.uid, work->uid) != 0 || !reconcile_is_released(&pv, agent->node.hostname)) {
		work_end(work, NULL);
		return;
	}
	work->pool = work->pool_name[0] ? node_config_pool(&agent->settings.config, work->pool_name)
	                                : NULL;
	if (work->pool_name[0] && !work->pool) { /* the configuration changed: decide again */
		work_end(work, NULL);
		return;
	}
	work_start_child(work, erase_run_child, on_news, on_end);
}

void reclaim_begin(struct work *work)
{
	char path[PV_PATH_SIZE];

	work_pv_path(work, path);
	work_send(work, API_GET, path, NULL, on_read_again);
}

void prepare_begin(struct work *work)
{
	work_start_child(work, prepare_run_child, on_news, on_end);
}

void grow_begin(struct work *work)
{
	work_start_child(work, grow_run_child, on_news, on_end);
}
