/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node.h"
#include "cleanup.h"
#include "log.h"
#include "pv.h"
#include "sources.h"

#include <errno.h>
#include <string.h>

#define NODE_RETRY_MS 10000
#define PVS_PATH "/api/v1/persistentvolumes"

static void tell_changed(struct agent *agent, const struct pv_view *pv)
{
	for (size_t i = 0; sources[i]; i++)
		if (sources[i]->pv_changed)
			sources[i]->pv_changed(agent, pv);
	agent_wake(agent);
}

static void forget(struct agent *agent, const char *name)
{
	_cleanup_pv_view_ struct pv_view gone = { 0 };

	if (pvs_remove(&agent->pvs, name, &gone))
		tell_changed(agent, &gone);
}

void node_pv_put(struct agent *agent, const sd_json *object)
{
	struct sd_error err = SD_ERROR_INIT;
	bool changed = false;

	if (pvs_put(&agent->pvs, object, &changed, &err) < 0) {
		sd_log(LOG_ERR, "a PersistentVolume could not be taken: %s", err.text);
		return;
	}
	if (changed)
		tell_changed(agent,
		        pvs_by_name(&agent->pvs,
		                sd_json_as_string(
		                        sd_json_get(sd_json_get(object, "metadata"), "name"))));
}

void node_pv_gone(struct agent *agent, const char *name)
{
	forget(agent, name);
}

static bool is_listed(const sd_json *items, const char *name)
{
	for (size_t i = 0; i < sd_json_size(items); i++) {
		const char *one = sd_json_as_string(
		        sd_json_get(sd_json_get(sd_json_at(items, i), "metadata"), "name"));

		if (one && strcmp(one, name) == 0)
			return true;
	}
	return false;
}

static void on_listed(void *data, sd_json *items)
{
	struct agent *agent = data;

	for (size_t i = agent->pvs.n; i-- > 0;)
		if (!is_listed(items, agent->pvs.pv[i].name)) {
			_cleanup_free_ char *name = strdup(agent->pvs.pv[i].name);

			if (name)
				forget(agent, name);
		}
	for (size_t i = 0; i < sd_json_size(items); i++)
		node_pv_put(agent, sd_json_at(items, i));
	agent->pvs.is_known = true;
	agent_wake(agent);
}

static void on_changed(void *data, enum api_change change, sd_json *object)
{
	const char *name = sd_json_as_string(sd_json_get(sd_json_get(object, "metadata"), "name"));

	if (change != API_DELETED)
		node_pv_put(data, object);
	else if (name)
		forget(data, name);
}

static void on_failing(void *data, const struct sd_error *err)
{
	struct agent *agent = data;

	agent->api_fails = err != NULL;
	if (err)
		sd_log(LOG_WARNING, "the API server cannot be watched: %s", err->text);
	else
		sd_log(LOG_NOTICE, "the API server answers again");
}

static void watch_pvs(struct agent *agent)
{
	const struct api_listener listener = { on_listed, on_changed, on_failing, agent };
	struct sd_error err = SD_ERROR_INIT;
	char selector[200];

	(void)snprintf(selector, sizeof(selector), PV_NODE_LABEL "=%s", agent->node.hostname);
	if (api_watch_start(agent->api, PVS_PATH, selector, &listener, &agent->watch, &err) < 0)
		sd_log(LOG_ERR, "%s", err.text);
}

static int take_node(const sd_json *object, struct agent_node *node, struct sd_error *err)
{
	const sd_json *metadata = sd_json_get(object, "metadata");
	const sd_json *labels = sd_json_get(metadata, "labels");
	const char *uid = sd_json_as_string(sd_json_get(metadata, "uid"));
	const char *hostname = sd_json_as_string(sd_json_get(labels, "kubernetes.io/hostname"));

	if (!uid || !hostname || !*hostname)
		return sd_error_set(err, EINVAL,
		        "it has no label kubernetes.io/hostname, by which its volumes could be bound "
		        "to it");
	node->uid = strdup(uid);
	node->hostname = strdup(hostname);
	if (!node->uid || !node->hostname)
		return sd_error_set(err, ENOMEM, "out of memory");
	node->is_known = true;
	return 0;
}

static void ask(struct agent *agent);

static void on_retry(uv_timer_t *timer)
{
	ask(timer->data);
}

static void on_node(void *data, const struct api_answer *answer)
{
	struct agent *agent = data;
	struct sd_error err = answer->err;

	if (!err.code)
		(void)take_node(answer->body, &agent->node, &err);
	if (err.code) {
		sd_log(LOG_WARNING, "Node %s: %s; asking again", agent->node.name, err.text);
		(void)uv_timer_start(&agent->retry_node, on_retry, NODE_RETRY_MS, 0);
		return;
	}
	sd_log(LOG_INFO, "Node %s, host name %s", agent->node.name, agent->node.hostname);
	watch_pvs(agent);
}

static void ask(struct agent *agent)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", agent->node.name);
	if (api_send(agent->api, API_GET, path, NULL, on_node, agent, NULL, NULL) < 0)
		(void)uv_timer_start(&agent->retry_node, on_retry, NODE_RETRY_MS, 0);
}

void node_begin(struct agent *agent)
{
	ask(agent);
}
