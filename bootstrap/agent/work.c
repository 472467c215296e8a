/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work.h"
#include "cleanup.h"
#include "log.h"
#include "node.h"
#include "pv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define REST_MIN_MS 2000
#define REST_MAX_MS 300000
#define BUSY_REST_MS 10000 /* somebody uses the disk: kubelet will be done soon */
#define PROGRESS_MS 10000

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
}

struct work *work_new(struct disks *disks, enum action_kind kind, struct slot *slot,
        const struct pv_view *pv, const struct pool *pool)
{
	struct work *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->disks = disks;
	work->kind = kind;
	work->slot = slot;
	work->pool = pool;
	work->began = work->told = uv_now(&disks->agent->loop);
	if (pool)
		copy(work->pool_name, sizeof(work->pool_name), pool->name);
	if (slot) {
		slot->is_held = true;
		slot->work = work;
		copy(work->id, sizeof(work->id), slot->view.id);
	}
	if (pv) {
		struct pv_note *note = disks_note(disks, pv->name);

		if (note)
			note->is_busy = true;
		copy(work->pv, sizeof(work->pv), pv->name);
		copy(work->uid, sizeof(work->uid), pv->uid);
		work->is_block = pv->is_block;
	}
	work->next = disks->works;
	disks->works = work;
	return work;
}

static uint64_t rest_ms(unsigned failures, const struct sd_error *err)
{
	uint64_t ms = REST_MIN_MS;

	if (err->code == EBUSY)
		return BUSY_REST_MS;
	while (failures-- > 1 && ms < REST_MAX_MS)
		ms *= 2;
	return ms < REST_MAX_MS ? ms : REST_MAX_MS;
}

static void let_pv_rest(struct work *work, const struct sd_error *err)
{
	struct pv_note *note = work->pv[0] ? disks_note(work->disks, work->pv) : NULL;
	struct agent *agent = work->disks->agent;

	if (!note)
		return;
	note->is_busy = false;
	if (!err) {
		note->failures = 0;
		return;
	}
	note->rests_until = uv_now(&agent->loop) + rest_ms(++note->failures, err);
	agent_wake_in(agent, note->rests_until - uv_now(&agent->loop));
}

/*
 * Of many that are published at once none is looked at again before the last is: the looks would take the
 * processors from the API server, perhaps, and from us, and nothing was done to these disks.
 */
static bool look_can_wait(const struct work *work)
{
	if (work->kind != ACT_PUBLISH)
		return false;
	for (const struct work *other = work->disks->works; other; other = other->next)
		if (other->kind == ACT_PUBLISH)
			return true;
	return false;
}

static void let_disk_rest(struct work *work, const struct sd_error *err)
{
	struct agent *agent = work->disks->agent;
	struct slot *slot = work->slot;

	if (!slot)
		return;
	slot->is_held = false;
	slot->work = NULL;
	slot->failure[0] = '\0';
	if (err) {
		slot->rests_until = uv_now(&agent->loop) + rest_ms(++slot->failures, err);
		agent_wake_in(agent, slot->rests_until - uv_now(&agent->loop));
		if (err->code != EAGAIN) /* the API server's are not the disk's */
			copy(slot->failure, sizeof(slot->failure), err->text);
	} else {
		slot->failures = 0;
	}
	if (slot->is_removed) {
		slot_let_go(slot);
	} else if (!agent->is_stopping) {
		slot->is_stale = true;
		if (!look_can_wait(work))
			scan_go_on(&work->disks->scan);
	}
}

void work_end(struct work *work, const struct sd_error *err)
{
	struct work **p = &work->disks->works;

	if (err && !err->code)
		err = NULL;
	if (err)
		sd_log(LOG_WARNING, "%s%s%s: %s", work->slot ? work->slot->view.disk.name : "",
		        work->slot && work->pv[0] ? ", " : "", work->pv, err->text);
	while (*p && *p != work)
		p = &(*p)->next;
	if (*p)
		*p = work->next;
	let_pv_rest(work, err);
	let_disk_rest(work, err);
	agent_wake(work->disks->agent);
	free(work);
}

void work_start_child(struct work *work,
        int (*run)(void *, const struct sd_disk *, size_t, const struct events *, struct outcome *,
                struct sd_error *),
        void (*news)(void *data, const struct job_message *news),
        void (*end)(void *data, struct job_message *result))
{
	const struct job_work job = { .run = run, .data = work };
	const struct child_listener listener = { news, end, work };
	struct sd_error err = SD_ERROR_INIT;

	if (child_start(&work->disks->agent->children, &job, &work->slot->view.disk, 0, &listener,
	            NULL, &err) < 0)
		work_end(work, &err);
}

void work_pv_path(const struct work *work, char ret[PV_PATH_SIZE])
{
	(void)snprintf(ret, PV_PATH_SIZE, "/api/v1/persistentvolumes/%s", work->pv);
}

void work_send(
        struct work *work, enum api_method method, const char *path, sd_json *body, api_done done)
{
	struct sd_error err = SD_ERROR_INIT;

	if (!body && method != API_GET)
		sd_error_set(&err, ENOMEM, "out of memory");
	else
		(void)api_send(work->disks->agent->api, method, path, body, done, work, NULL, &err);
	sd_json_free(body);
	if (err.code)
		work_end(work, &err);
}

sd_json *work_make_patch(
        const char *uid, const char *version, const char *annotation, const char *value)
{
	sd_json *json = sd_json_object(), *metadata = sd_json_object(), *annotations = NULL;

	if (!json || !metadata)
		goto fail;
	(void)sd_json_set_string(metadata, "uid", uid);
	(void)sd_json_set_string(metadata, "resourceVersion", version);
	if (annotation) {
		annotations = sd_json_object();
		if (!annotations)
			goto fail;
		(void)(value ? sd_json_set_string(annotations, annotation, value)
		             : sd_json_set_null(annotations, annotation));
		(void)sd_json_set(metadata, "annotations", annotations);
	}
	(void)sd_json_set(json, "metadata", metadata);
	return json;
fail:
	sd_json_free(json);
	sd_json_free(metadata);
	return NULL;
}

static sd_json *make_capacity(const struct pv_view *pv, uint64_t bytes)
{
	sd_json *json = work_make_patch(pv->uid, pv->version, NULL, NULL);
	sd_json *spec = sd_json_object(), *capacity = sd_json_object();
	char text[32];

	if (!json || !spec || !capacity) {
		sd_json_free(json);
		sd_json_free(spec);
		sd_json_free(capacity);
		return NULL;
	}
	(void)snprintf(text, sizeof(text), "%" PRIu64, bytes);
	(void)sd_json_set_string(capacity, "storage", text);
	(void)sd_json_set(spec, "capacity", capacity);
	(void)sd_json_set(json, "spec", spec);
	return json;
}

/* A conflict means that the watch will bring more. */
void work_take_changed(struct work *work, const struct api_answer *answer)
{
	struct agent *agent = work->disks->agent;

	if (answer->err.code == ENOENT)
		node_pv_gone(agent, work->pv);
	else if (!answer->err.code && answer->body)
		node_pv_put(agent, answer->body);
	work_end(work, answer->err.code == ENOENT ? NULL : &answer->err);
}

static void on_changed(void *data, const struct api_answer *answer)
{
	work_take_changed(data, answer);
}

void patch_begin(struct work *work, const struct action *action, const struct pv_view *pv)
{
	char path[PV_PATH_SIZE], now[32];
	time_t t = time(NULL);
	sd_json *body;
	struct tm tm;

	work_pv_path(work, path);
	(void)strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	if (action->kind == ACT_RAISE)
		body = make_capacity(pv, action->capacity);
	else
		body = work_make_patch(pv->uid, pv->version, PV_MISSING,
		        action->kind == ACT_MARK_MISSING ? now : NULL);
	work_send(work, API_PATCH, path, body, on_changed);
}

static void on_progress_told(void *data, const struct api_answer *answer)
{
	(void)data;
	(void)answer;
}

void patch_progress(struct work *work)
{
	struct agent *agent = work->disks->agent;
	_cleanup_json_ sd_json *body = NULL;
	char path[PV_PATH_SIZE], text[96];

	if (!work->pv[0] || work->total == 0 || uv_now(&agent->loop) - work->told < PROGRESS_MS)
		return;
	work->told = uv_now(&agent->loop);
	(void)snprintf(text, sizeof(text), "%s: %u%%", work->step,
	        (unsigned)((double)work->done * 100 / (double)work->total));
	work_pv_path(work, path);
	body = work_make_patch(work->uid, NULL, PV_PROGRESS, text);
	if (body)
		(void)api_send(
		        agent->api, API_PATCH, path, body, on_progress_told, NULL, NULL, NULL);
}

/* Deleted at once, or only marked, since a finalizer keeps it. */
static void on_deleted(void *data, const struct api_answer *answer)
{
	struct work *work = data;
	struct agent *agent = work->disks->agent;
	const char *kind = sd_json_as_string(sd_json_get(answer->body, "kind"));

	if (answer->err.code && answer->err.code != ENOENT) {
		work_end(work, &answer->err);
		return;
	}
	if (!answer->err.code && kind && strcmp(kind, "PersistentVolume") == 0)
		node_pv_put(agent, answer->body);
	else
		node_pv_gone(agent, work->pv);
	work_end(work, NULL);
}

void delete_begin(struct work *work, const struct pv_view *pv)
{
	sd_json *body = sd_json_object(), *preconditions = sd_json_object();
	char path[PV_PATH_SIZE];

	work_pv_path(work, path);
	if (!body || !preconditions) {
		sd_json_free(preconditions);
		sd_json_free(body);
		work_send(work, API_DELETE, path, NULL, on_deleted);
		return;
	}
	(void)sd_json_set_string(body, "apiVersion", "v1");
	(void)sd_json_set_string(body, "kind", "DeleteOptions");
	(void)sd_json_set_string(preconditions, "uid", pv->uid);
	(void)sd_json_set_string(preconditions, "resourceVersion", pv->version);
	(void)sd_json_set(body, "preconditions", preconditions);
	work_send(work, API_DELETE, path, body, on_deleted);
}

void work_begin(struct disks *disks, const struct action *action, struct slot *slot,
        const struct pv_view *pv)
{
	bool is_at_disk = action->kind == ACT_PREPARE || action->kind == ACT_PUBLISH ||
	        action->kind == ACT_RECLAIM || action->kind == ACT_GROW || action->kind == ACT_MARK;
	struct work *work;

	if (is_at_disk && !slot_is_settled(slot))
		return; /* something else has begun at it in this round */
	work = work_new(disks, action->kind, is_at_disk ? slot : NULL,
	        action->kind == ACT_GROW ? NULL : pv, action->pool);
	if (!work)
		return;
	switch (action->kind) {
	case ACT_PREPARE:
		prepare_begin(work);
		break;
	case ACT_PUBLISH:
		publish_begin(work);
		break;
	case ACT_RECLAIM:
		reclaim_begin(work);
		break;
	case ACT_GROW:
		grow_begin(work);
		break;
	case ACT_MARK:
		mark_begin(work);
		break;
	case ACT_LET_GO:
		let_go_begin(work, pv);
		break;
	case ACT_DELETE_PV:
		delete_begin(work, pv);
		break;
	default:
		patch_begin(work, action, pv);
		break;
	}
}
