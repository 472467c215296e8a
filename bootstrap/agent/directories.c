/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directories.h"
#include "cleanup.h"
#include "directories_private.h"
#include "log.h"

#include <errno.h>
#include <string.h>

#define SCAN_PAUSE_MS 200 /* between two, however much is mounted meanwhile */
#define SCAN_SECONDS 10
#define SILENT_MS 3600000 /* what did not answer is left alone for so long */

/* Scanning */

static int scan_in_child(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	struct agent *agent = data;
	struct directories *self = agent->directories;

	(void)disk;
	(void)i;
	(void)events;
	(void)ret;
	(void)err;
	directory_scan_run(&agent->settings.config, self->silent, self->n_silent, self->scan);
	return 0;
}

static void want_scan(struct agent *agent)
{
	agent->directories->is_wanted = true;
	agent_wake(agent);
}

/* The entry at which a scan came to a halt is passed by from now on, so that the others are seen. */
static void note_silent(struct agent *agent)
{
	struct directories *self = agent->directories;

	if (!self->scan->is_looking || self->n_silent == SILENT_MAX)
		return;
	self->silent[self->n_silent++] = self->scan->looking;
	self->silent_at = uv_now(&agent->loop);
	self->is_wanted = true;
}

static void on_scanned(void *data, struct job_message *result)
{
	struct agent *agent = data;
	struct directories *self = agent->directories;
	_cleanup_scan_ struct directory_scan *scan = self->scan;

	self->ended_at = uv_now(&agent->loop);
	self->n_scans++;
	if (agent->is_stopping) {
		self->scan = NULL;
		return;
	}
	if (result->err.code) {
		sd_log(LOG_ERR, "looking at the directories: %s", result->err.text);
		note_silent(agent);
		self->is_wanted = self->is_wanted || result->err.code != ETIMEDOUT;
	} else if (self->scan_loads != agent->settings.n_loads) {
		self->is_wanted = true;
	} else {
		directory_scan_free(&self->found);
		self->found = sd_steal(scan);
	}
	self->loads = self->scan_loads;
	self->scan = NULL;
	agent_wake_in(agent, self->is_wanted ? SCAN_PAUSE_MS : 0);
}

static void on_change(void *data)
{
	want_scan(data);
}

static void on_timer(uv_timer_t *timer)
{
	want_scan(timer->data);
}

static void begin_scan(struct agent *agent)
{
	struct directories *self = agent->directories;
	const struct child_listener listener = { .end = on_scanned, .data = agent };
	const struct job_work work = { .run = scan_in_child, .data = agent };
	uint64_t since = uv_now(&agent->loop) - self->ended_at;
	struct sd_error err = SD_ERROR_INIT;

	if (self->n_scans > 0 && since < SCAN_PAUSE_MS) {
		agent_wake_in(agent, SCAN_PAUSE_MS - since);
		return;
	}
	if (self->n_silent && uv_now(&agent->loop) - self->silent_at >= SILENT_MS)
		self->n_silent = 0;
	directory_watch_these(self->watch, &agent->settings.config);
	(void)uv_timer_start(&self->timer, on_timer,
	        UINT64_C(1000) * node_config_scan_s(&agent->settings.config), 0);
	self->is_wanted = false;
	self->scan_loads = agent->settings.n_loads;
	if (directory_scan_new(&self->scan, &err) == 0 &&
	        child_start(&agent->children, &work, NULL, SCAN_SECONDS, &listener, NULL, &err) ==
	                0)
		return;
	directory_scan_free(&self->scan);
	sd_log(LOG_ERR, "cannot look at the directories: %s", err.text);
	self->is_wanted = true;
	agent_wake_in(agent, 10000);
}

/* There are none: no process, no event. */
static void rest(struct agent *agent)
{
	struct directories *self = agent->directories;

	self->is_wanted = false;
	self->loads = self->scan_loads = agent->settings.n_loads;
	directory_watch_these(self->watch, &agent->settings.config);
	(void)uv_timer_stop(&self->timer);
}

static void directories_reconcile(struct agent *agent)
{
	struct directories *self = agent->directories;

	if (self->loads != agent->settings.n_loads && self->scan_loads != agent->settings.n_loads) {
		directory_scan_free(&self->found);
		directory_volumes_retry(self->volumes);
		self->n_silent = 0;
		self->is_wanted = true;
	}
	if (self->is_wanted && !self->scan && agent->settings.config.n_directories == 0)
		rest(agent);
	else if (self->is_wanted && !self->scan)
		begin_scan(agent);
	if (self->found)
		directories_decide(agent);
}

static void directories_pv_changed(struct agent *agent, const struct pv_view *pv)
{
	struct directory_volume *volume = agent->directories->volumes;

	while (volume && strcmp(volume->name, pv->name) != 0)
		volume = volume->next;
	if (volume)
		directory_volume_changed(volume, pv);
}

static int directories_start(struct agent *agent, struct sd_error *err)
{
	struct directories *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return sd_error_set(err, ENOMEM, "out of memory");
	agent->directories = self;
	self->loads = self->scan_loads = UINT64_MAX;
	r = uv_timer_init(&agent->loop, &self->timer);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot make a timer");
	self->has_timer = true;
	self->timer.data = agent;
	return directory_watch_start(&agent->loop, on_change, agent, &self->watch, err);
}

static void directories_stop(struct agent *agent)
{
	struct directories *self = agent->directories;

	if (!self)
		return;
	directory_watch_stop(sd_steal(self->watch));
	if (self->has_timer && !uv_is_closing((uv_handle_t *)&self->timer))
		uv_close((uv_handle_t *)&self->timer, NULL);
}

static void directories_free(struct agent *agent)
{
	struct directories *self = agent->directories;

	if (!self)
		return;
	directory_scan_free(&self->found);
	directory_scan_free(&self->scan);
	directory_volumes_free(&self->volumes);
	conditions_clear(&self->conditions);
	free(sd_steal(agent->directories));
}

static void directories_measure(struct agent *agent)
{
	static const char *const states[] = { "good", "refused", "silent", "cleaning" };
	const struct directories *self = agent->directories;
	const struct directory *directories = agent->settings.config.directories;
	size_t n[NODE_DIRECTORIES_MAX][SD_ARRAY_SIZE(states)] = { 0 };

	metrics_clear(agent->metrics, METRIC_DIRECTORY_ENTRIES);
	if (!self->found || self->loads != agent->settings.n_loads)
		return;
	for (size_t i = 0; i < self->found->n; i++)
		n[self->found->entry[i].directory][self->found->entry[i].err.code ? 1 : 0]++;
	for (size_t i = 0; i < self->n_silent; i++)
		n[self->silent[i].directory][2]++;
	for (const struct directory_volume *volume = self->volumes; volume; volume = volume->next)
		if (volume->child && volume->entry && volume->loads == agent->settings.n_loads)
			n[volume->entry->directory][3]++;
	for (size_t i = 0; i < agent->settings.config.n_directories; i++)
		for (size_t j = 0; j < SD_ARRAY_SIZE(states); j++)
			metrics_set(agent->metrics, METRIC_DIRECTORY_ENTRIES, directories[i].path,
			        states[j], (double)n[i][j]);
}

const struct source directories_source = {
	.name = "directories",
	.start = directories_start,
	.reconcile = directories_reconcile,
	.pv_changed = directories_pv_changed,
	.measure = directories_measure,
	.stop = directories_stop,
	.free = directories_free,
};
