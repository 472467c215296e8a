/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"
#include "cleanup.h"
#include "directories.h"
#include "disks.h"
#include "log.h"
#include "node.h"
#include "sources.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define SOON_MS 20
#define SCANS_MISSED 3 /* of the full ones; then something is wrong with us */
#define STOP_MS 10000  /* children note where they are */

const struct source *const sources[] = {
	&disks_source,
	&directories_source,
	NULL,
};

static void reconcile_all(struct agent *agent)
{
	uint64_t begun = uv_hrtime();

	if (agent->is_stopping || !agent->node.is_known || !agent->pvs.is_known)
		return;
	conditions_begin(&agent->conditions);
	if (agent->settings.fault.code)
		conditions_find(&agent->conditions, &agent->report, NULL, EVENT_WARNING,
		        "ConfigurationRefused",
		        "the configuration is refused, and the old one stays in force: %s",
		        agent->settings.fault.text);
	conditions_end(&agent->conditions);
	for (size_t i = 0; sources[i]; i++)
		sources[i]->reconcile(agent);
	metrics_observe(
	        agent->metrics, METRIC_RECONCILE_SECONDS, (double)(uv_hrtime() - begun) / 1e9);
}

static void on_wake(uv_timer_t *timer)
{
	reconcile_all(timer->data);
}

void agent_wake_in(struct agent *agent, uint64_t ms)
{
	if (agent->is_stopping)
		return;
	if (uv_is_active((uv_handle_t *)&agent->wake) && uv_timer_get_due_in(&agent->wake) <= ms)
		return;
	(void)uv_timer_start(&agent->wake, on_wake, ms, 0);
}

void agent_wake(struct agent *agent)
{
	agent_wake_in(agent, SOON_MS);
}

static void on_settings(void *data)
{
	agent_wake(data);
}

static void close_handle(uv_handle_t *handle, void *data)
{
	(void)data;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_all(struct agent *agent)
{
	api_watch_stop(sd_steal(agent->watch));
	api_close(sd_steal(agent->api));
	server_close(sd_steal(agent->server));
	children_close(&agent->children);
	settings_stop(&agent->settings);
	memory_close(&agent->memory);
	close_handle((uv_handle_t *)&agent->wake, NULL);
	close_handle((uv_handle_t *)&agent->retry_node, NULL);
	for (size_t i = 0; i < SD_ARRAY_SIZE(agent->signals); i++)
		close_handle((uv_handle_t *)&agent->signals[i], NULL);
}

static void on_children_ended(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	bool is_late = uv_now(&agent->loop) - agent->stopped > STOP_MS;

	if (agent->children.n > 0 && !is_late)
		return;
	if (agent->children.n > 0)
		sd_log(LOG_WARNING, "%zu disks have not come to an end yet", agent->children.n);
	close_all(agent);
}

/* A child that is asked to stop notes on its disk where it is; that takes a moment. */
static void on_stop(uv_signal_t *handle, int signal_number)
{
	struct agent *agent = handle->data;

	(void)signal_number;
	if (agent->is_stopping)
		return;
	agent->is_stopping = true;
	for (size_t i = 0; sources[i]; i++)
		sources[i]->stop(agent);
	children_stop(&agent->children);
	agent->stopped = uv_now(&agent->loop);
	(void)uv_timer_start(&agent->wake, on_children_ended, 0, 50);
}

static int listen_to_signals(struct agent *agent)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	int r = 0;

	for (size_t i = 0; r == 0 && i < SD_ARRAY_SIZE(numbers); i++) {
		r = uv_signal_init(&agent->loop, &agent->signals[i]);
		agent->signals[i].data = agent;
		if (r == 0)
			r = uv_signal_start(&agent->signals[i], on_stop, numbers[i]);
	}
	return r;
}

static char *on_metrics(void *data)
{
	struct agent *agent = data;

	metrics_set(agent->metrics, METRIC_CONFIG_OK, "", "", agent->settings.fault.code == 0);
	for (size_t i = 0; sources[i]; i++)
		if (sources[i]->measure)
			sources[i]->measure(agent);
	return metrics_text(agent->metrics, agent->api);
}

/*
 * That it is asked at all shows that the loop goes round. An API server that is away is no reason to be
 * killed, nor is a configuration that was refused: a new agent would not have the old one that is in force.
 */
static int on_health(void *data, struct sd_error *err)
{
	const struct agent *agent = data;
	double age = metrics_age(agent->metrics, METRIC_LAST_SCAN);

	if (age > SCANS_MISSED * node_config_scan_s(&agent->settings.config))
		return sd_error_set(
		        err, ETIME, "the disks were looked at last %.0f seconds ago", age);
	return 0;
}

static int set_up(struct agent *agent, struct sd_error *err)
{
	const struct agent_options *options = agent->options;
	int r;

	agent->wake.data = agent->retry_node.data = agent;
	agent->settings.changed = on_settings;
	agent->settings.data = agent;
	r = uv_timer_init(&agent->loop, &agent->wake);
	if (r == 0)
		r = uv_timer_init(&agent->loop, &agent->retry_node);
	if (r == 0)
		r = listen_to_signals(agent);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot make an event loop");
	agent->node.name = strdup(options->node);
	agent->metrics = metrics_new();
	if (!agent->node.name || !agent->metrics)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = settings_open(&agent->loop, options->config, &agent->settings, err);
	if (r == 0)
		r = children_start(&agent->loop, &agent->children, err);
	if (r == 0)
		r = server_open(&agent->loop, options->listen,
		        &(struct server_pages){ on_metrics, on_health, agent }, &agent->server,
		        err);
	if (r == 0)
		r = api_open(&agent->loop, options->kubeconfig, &agent->api, err);
	report_init(&agent->report, agent->api, agent->node.name);
	for (size_t i = 0; r == 0 && sources[i]; i++)
		r = sources[i]->start(agent, err);
	return r;
}

static void agent_free(struct agent *agent)
{
	for (size_t i = 0; sources[i]; i++)
		sources[i]->free(agent);
	metrics_free(agent->metrics);
	settings_free(&agent->settings);
	pvs_clear(&agent->pvs);
	conditions_clear(&agent->conditions);
	free(agent->node.name);
	free(agent->node.uid);
	free(agent->node.hostname);
}

int agent_run(const struct agent_options *options, struct sd_error *err)
{
	_cleanup_(agent_free) struct agent agent = { .options = options };
	int r;

	r = uv_loop_init(&agent.loop);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot make an event loop");
	memory_open(&agent.loop, &agent.memory);
	r = set_up(&agent, err);
	if (r == 0) {
		sd_log(LOG_NOTICE, "the agent of node %s begins", options->node);
		node_begin(&agent);
	} else {
		for (size_t i = 0; sources[i]; i++)
			sources[i]->stop(&agent);
		server_close(sd_steal(agent.server));
		api_close(sd_steal(agent.api));
		uv_walk(&agent.loop, close_handle, NULL);
	}
	(void)uv_run(&agent.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&agent.loop);
	return r;
}
