/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A Released PersistentVolume of a directory: cleaned, then deleted; then the entry is published anew. */

#include "cleanup.h"
#include "directory_clean.h"
#include "directory_request.h"
#include "log.h"
#include "node.h"
#include "pv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NOTE_EVERY_MS 30000 /* how far an erase is, in an annotation */

static void end_cleaning(struct directory_volume *volume)
{
	volume->child = NULL;
	free(sd_steal(volume->entry));
}

static void on_end(void *data, struct job_message *result)
{
	struct directory_volume *volume = data;
	struct agent *agent = volume->agent;
	const struct pv_view *pv = pvs_by_name(&agent->pvs, volume->name);

	end_cleaning(volume);
	if (agent->is_stopping)
		return;
	if (result->err.code) {
		directory_volume_count(volume, "not cleaned");
		directory_volume_failed(volume, &result->err);
		return;
	}
	directory_volume_count(volume, "cleaned");
	sd_log(LOG_NOTICE, "%s is clean", volume->name);
	volume->is_clean = true;
	if (pv)
		report_event(&agent->report, pv, EVENT_NORMAL, "Cleaned",
		        "%s is clean; the PersistentVolume goes, and it is published anew",
		        pv->path);
	directory_volume_went_well(volume);
}

static void on_noted(void *data, const struct api_answer *answer)
{
	struct directory_volume *volume = data;

	volume->request = NULL;
	if (!answer->err.code)
		node_pv_put(volume->agent, answer->body);
}

/* A run after a restart goes on from there. */
static void note_progress(struct directory_volume *volume)
{
	_cleanup_json_ sd_json *body = request_metadata(NULL);
	char text[64];

	(void)snprintf(text, sizeof(text), "%" PRIu64, volume->done);
	request_set(body, "annotations", PV_ERASED, text);
	(void)snprintf(text, sizeof(text), "%" PRIu64 "%%", volume->done * 100 / volume->total);
	request_set(body, "annotations", PV_PROGRESS, text);
	volume->noted = volume->done;
	volume->noted_at = uv_now(&volume->agent->loop);
	if (body && directory_volume_send(volume, API_PATCH, body, on_noted))
		return;
}

static void on_news(void *data, const struct job_message *news)
{
	struct directory_volume *volume = data;

	volume->done = news->done;
	volume->total = news->total;
	if (news->total && !volume->request && volume->done > volume->noted &&
	        uv_now(&volume->agent->loop) - volume->noted_at >= NOTE_EVERY_MS)
		note_progress(volume);
}

static const char *annotation(const sd_json *object, const char *key)
{
	return sd_json_as_string(
	        sd_json_get(sd_json_get(sd_json_get(object, "metadata"), "annotations"), key));
}

/* What the API server has just answered decides: is it still that one, and still Released? */
static int check_released(
        const struct directory_volume *volume, const sd_json *object, struct sd_error *err)
{
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	int r = pv_view_take(object, &pv, err);

	if (r < 0)
		return r;
	if (strcmp(pv.uid, volume->uid) != 0 || pv.phase != PV_RELEASED || !pv.deletes ||
	        pv.is_going || !pv.path || strcmp(pv.path, volume->path) != 0)
		return sd_error_set(err, ESTALE, "it is not Released any more");
	return 0;
}

static void on_begun(void *data, const struct api_answer *answer)
{
	struct directory_volume *volume = data;
	struct agent *agent = volume->agent;
	const struct child_listener listener = { on_news, on_end, volume };
	struct directory_clean clean = {
		.config = &agent->settings.config,
		.entry = volume->entry,
		.pv = volume->name,
		.content = annotation(answer->body, PV_CONTENT),
	};
	const struct job_work work = { .run = directory_clean_run, .data = &clean };
	const char *erased = annotation(answer->body, PV_ERASED);
	struct sd_error err = answer->err;

	volume->request = NULL;
	if (!err.code)
		(void)check_released(volume, answer->body, &err);
	/* Another configuration came in between: the entry's directory may be another now. */
	if (!err.code && volume->loads != agent->settings.n_loads)
		(void)sd_error_set(&err, EAGAIN, "the configuration has just changed");
	clean.from = erased ? strtoull(erased, NULL, 10) : 0;
	volume->noted = clean.from;
	volume->noted_at = uv_now(&agent->loop);
	if (!err.code)
		(void)child_start(
		        &agent->children, &work, NULL, 0, &listener, &volume->child, &err);
	if (err.code) {
		end_cleaning(volume);
		directory_volume_failed(volume, &err);
		return;
	}
	sd_log(LOG_NOTICE, "%s is Released: cleaning %s", volume->name, volume->path);
	node_pv_put(agent, answer->body);
}

void directory_volume_clean(struct directory_volume *volume, const struct pv_view *pv,
        const struct directory_entry *entry)
{
	_cleanup_json_ sd_json *body = request_metadata(pv->version);
	const struct sd_error no_memory = { ENOMEM, "out of memory" };

	if (volume->is_clean && volume->uid && strcmp(volume->uid, pv->uid) == 0) {
		directory_volume_delete(volume, pv->uid, NULL);
		return;
	}
	volume->is_clean = false;
	free(volume->uid);
	free(volume->path);
	free(volume->entry);
	volume->uid = strdup(pv->uid);
	volume->path = strdup(pv->path);
	volume->entry = malloc(sizeof(*volume->entry));
	if (!body || !volume->uid || !volume->path || !volume->entry) {
		directory_volume_failed(volume, &no_memory);
		return;
	}
	*volume->entry = *entry;
	volume->done = volume->total = 0;
	volume->loads = volume->agent->settings.n_loads;
	request_set(body, "annotations", PV_PROGRESS, pv->progress ? pv->progress : "0%");
	/* Refused if it has changed since the watch told of it: so it is read again, and marked, in one. */
	(void)directory_volume_send(volume, API_PATCH, body, on_begun);
}

void directory_volume_changed(struct directory_volume *volume, const struct pv_view *pv)
{
	bool is_wanted = pv->phase == PV_RELEASED && pv->deletes && volume->uid &&
	        strcmp(pv->uid, volume->uid) == 0;

	if (volume->child && !is_wanted) {
		sd_log(LOG_WARNING, "%s is not Released any more: its cleaning is stopped",
		        volume->name);
		child_stop(volume->child);
	}
	if (pv->phase == PV_GONE)
		volume->is_clean = false;
}
