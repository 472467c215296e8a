/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_volume.h"
#include "cleanup.h"
#include "directory_request.h"
#include "log.h"
#include "node.h"
#include "pv.h"

#include <errno.h>
#include <string.h>

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 300000
#define FOREIGN_MS 300000 /* somebody else's is looked at again */

struct directory_volume *directory_volume_get(
        struct agent *agent, struct directory_volume **first, const char *name)
{
	struct directory_volume *volume = *first;

	while (volume && strcmp(volume->name, name) != 0)
		volume = volume->next;
	if (volume)
		return volume;
	volume = calloc(1, sizeof(*volume));
	if (!volume)
		return NULL;
	volume->agent = agent;
	(void)snprintf(volume->name, sizeof(volume->name), "%s", name);
	volume->next = *first;
	*first = volume;
	return volume;
}

void directory_volumes_free(struct directory_volume **first)
{
	while (*first) {
		struct directory_volume *volume = *first;

		*first = volume->next;
		free(volume->foreign);
		free(volume->path);
		free(volume->entry);
		free(volume->uid);
		free(volume);
	}
}

void directory_volumes_retry(struct directory_volume *first)
{
	for (struct directory_volume *volume = first; volume; volume = volume->next)
		volume->retry_at = 0;
}

bool directory_volume_is_idle(const struct directory_volume *volume)
{
	return !volume->request && !volume->child &&
	        uv_now(&volume->agent->loop) >= volume->retry_at;
}

char *directory_host_path(const struct directory *directory, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", directory->path, name) < 0 ? NULL : path;
}

void directory_volume_count(const struct directory_volume *volume, const char *what)
{
	metrics_add(volume->agent->metrics, METRIC_DIRECTORY_CHANGES, what, "", 1);
}

static void pause_for(struct directory_volume *volume, uint64_t ms)
{
	volume->retry_at = uv_now(&volume->agent->loop) + ms;
	agent_wake_in(volume->agent, ms);
}

void directory_volume_failed(struct directory_volume *volume, const struct sd_error *err)
{
	uint64_t ms = RETRY_MIN_MS;

	for (unsigned i = 0; i < volume->failures && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	volume->failures++;
	volume->err = *err;
	pause_for(volume, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

void directory_volume_went_well(struct directory_volume *volume)
{
	volume->failures = 0;
	volume->retry_at = 0;
	sd_error_clear(&volume->err);
	free(sd_steal(volume->foreign));
	agent_wake(volume->agent);
}

bool directory_volume_send(
        struct directory_volume *volume, enum api_method method, sd_json *body, api_done done)
{
	struct sd_error err = SD_ERROR_INIT;
	char path[160];

	if (method == API_CREATE)
		(void)snprintf(path, sizeof(path), "/api/v1/persistentvolumes");
	else
		(void)snprintf(path, sizeof(path), "/api/v1/persistentvolumes/%s", volume->name);
	if (api_send(volume->agent->api, method, path, body, done, volume, &volume->request,
	            &err) == 0)
		return true;
	volume->request = NULL;
	directory_volume_failed(volume, &err);
	return false;
}

/* Publishing */

static const char *string_in(const sd_json *object, const char *outer, const char *key)
{
	return sd_json_as_string(sd_json_get(sd_json_get(object, outer), key));
}

static void on_taken_over(void *data, const struct api_answer *answer)
{
	struct directory_volume *volume = data;

	volume->request = NULL;
	if (answer->err.code) {
		directory_volume_failed(volume, &answer->err);
		return;
	}
	directory_volume_count(volume, "taken over");
	directory_volume_went_well(volume);
	node_pv_put(volume->agent, answer->body);
	report_event(&volume->agent->report, pvs_by_name(&volume->agent->pvs, volume->name),
	        EVENT_NORMAL, "TakenOver",
	        "%s was the static provisioner's; solodisk cleans it from now on", volume->path);
}

/* From now on it has our label and annotation; refused if anybody has changed it since it was read. */
static void take_over(struct directory_volume *volume, const sd_json *object)
{
	_cleanup_json_ sd_json *body =
	        request_metadata(string_in(object, "metadata", "resourceVersion"));

	request_set(body, "labels", "app.kubernetes.io/managed-by", "solodisk");
	request_set(body, "labels", PV_NODE_LABEL, volume->agent->node.hostname);
	request_set(body, "annotations", PV_PROVISIONED_BY, PV_PROVISIONER);
	(void)directory_volume_send(volume, API_PATCH, body, on_taken_over);
}

static bool is_static_provisioners(const struct agent *agent, const struct pv_view *pv)
{
	_cleanup_free_ char *prefix = NULL;

	if (!pv->provisioner ||
	        asprintf(&prefix, PV_STATIC_PROVISIONER "%s-", agent->node.name) < 0)
		return false;
	return strncmp(pv->provisioner, prefix, strlen(prefix)) == 0;
}

/* Somebody has published one of this name. */
static void consider(struct directory_volume *volume, const sd_json *object)
{
	const struct agent *agent = volume->agent;
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	const char *label = sd_json_as_string(
	        sd_json_get(sd_json_get(sd_json_get(object, "metadata"), "labels"), PV_NODE_LABEL));
	bool is_same;

	if (pv_view_take(object, &pv, &err) < 0) {
		directory_volume_failed(volume, &err);
		return;
	}
	if (label && strcmp(label, agent->node.hostname) == 0) { /* the watch is late */
		directory_volume_went_well(volume);
		node_pv_put(volume->agent, object);
		return;
	}
	is_same = pv.path && strcmp(pv.path, volume->path) == 0 && pv.hostname &&
	        strcmp(pv.hostname, agent->node.hostname) == 0;
	if (is_same && volume->takes_over && is_static_provisioners(agent, &pv)) {
		take_over(volume, object);
		return;
	}
	free(sd_steal(volume->foreign));
	if (asprintf(&volume->foreign,
	            "%s has published PersistentVolume %s for %s of %s already%s",
	            pv.provisioner ? pv.provisioner : "somebody", pv.name,
	            pv.path ? pv.path : "something else", pv.hostname ? pv.hostname : "a node",
	            is_same && is_static_provisioners(agent, &pv)
	                    ? ", and cleans it; with \"takeOver\": true solodisk would"
	                    : "") < 0)
		volume->foreign = NULL;
	pause_for(volume, FOREIGN_MS);
	agent_wake(volume->agent);
}

static void on_found(void *data, const struct api_answer *answer)
{
	struct directory_volume *volume = data;

	volume->request = NULL;
	if (answer->err.code == ENOENT)
		directory_volume_went_well(volume); /* it went in between */
	else if (answer->err.code)
		directory_volume_failed(volume, &answer->err);
	else
		consider(volume, answer->body);
}

static void on_created(void *data, const struct api_answer *answer)
{
	struct directory_volume *volume = data;

	volume->request = NULL;
	if (answer->err.code == EEXIST) {
		(void)directory_volume_send(volume, API_GET, NULL, on_found);
		return;
	}
	if (answer->err.code) {
		directory_volume_failed(volume, &answer->err);
		return;
	}
	directory_volume_count(volume, "published");
	sd_log(LOG_NOTICE, "%s is published as %s", volume->path, volume->name);
	directory_volume_went_well(volume);
	node_pv_put(volume->agent, answer->body);
}

void directory_volume_publish(struct directory_volume *volume, const struct directory_entry *entry)
{
	const struct agent *agent = volume->agent;
	const struct directory *directory = &agent->settings.config.directories[entry->directory];
	_cleanup_json_ sd_json *body = NULL;
	struct sd_error err = SD_ERROR_INIT;
	struct pv_local pv = {
		.name = volume->name,
		.capacity = entry->capacity,
		.mode = entry->mode,
		.shared = entry->part,
		.content = entry->identity,
		.hostname = agent->node.hostname,
		.storage_class = directory->storage_class,
		.reclaim = directory->reclaim,
		.labels = directory->labels,
		.owner_name = agent->settings.config.owner_reference ? agent->node.name : NULL,
		.owner_uid = agent->node.uid,
	};

	free(volume->path);
	volume->path = directory_host_path(directory, entry->name);
	volume->takes_over = directory->takes_over;
	pv.path = volume->path;
	if (!volume->path || pv_local_make(&pv, &body, &err) < 0) {
		(void)sd_error_set(&err, ENOMEM, "out of memory");
		directory_volume_failed(volume, &err);
		return;
	}
	(void)directory_volume_send(volume, API_CREATE, body, on_created);
}

/* Deleting */

static void on_deleted(void *data, const struct api_answer *answer)
{
	struct directory_volume *volume = data;
	const char *kind = sd_json_as_string(sd_json_get(answer->body, "kind"));

	volume->request = NULL;
	if (answer->err.code && answer->err.code != ENOENT) {
		directory_volume_failed(volume, &answer->err);
		return;
	}
	directory_volume_went_well(volume);
	if (volume->is_withdrawn)
		directory_volume_count(volume, "withdrawn");
	volume->is_withdrawn = false;
	/* A finalizer may keep it for a while; the watch tells when it is gone. */
	if (answer->err.code == 0 && kind && strcmp(kind, "PersistentVolume") == 0 &&
	        sd_json_get(sd_json_get(answer->body, "metadata"), "deletionTimestamp"))
		node_pv_put(volume->agent, answer->body);
	else
		node_pv_gone(volume->agent, volume->name);
}

void directory_volume_delete(struct directory_volume *volume, const char *uid, const char *version)
{
	_cleanup_json_ sd_json *body = sd_json_object(), *conditions = sd_json_object();

	(void)sd_json_set_string(body, "kind", "DeleteOptions");
	(void)sd_json_set_string(body, "apiVersion", "v1");
	(void)sd_json_set_string(conditions, "uid", uid);
	(void)sd_json_set_string(conditions, "resourceVersion", version);
	if (!conditions || sd_json_set(body, "preconditions", sd_json_again(conditions)) < 0) {
		const struct sd_error err = { ENOMEM, "out of memory" };

		directory_volume_failed(volume, &err); /* never without the conditions */
		return;
	}
	(void)directory_volume_send(volume, API_DELETE, body, on_deleted);
}

void directory_volume_withdraw(
        struct directory_volume *volume, const struct pv_view *pv, const char *why)
{
	volume->is_withdrawn = true;
	report_event(&volume->agent->report, pv, EVENT_WARNING, "Withdrawn",
	        "%s: %s; nobody has claimed the PersistentVolume, and it goes", pv->path, why);
	directory_volume_delete(volume, pv->uid, pv->version);
}
