/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disks.h"
#include "cleanup.h"
#include "log.h"
#include "sweep.h"
#include "work.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 100 /* a burst of events */
#define SWEEP_SECONDS 600
#define SWEEP_EVERY 30 /* seconds, or with each full look if these come more often */

struct pv_note *disks_note(struct disks *disks, const char *name)
{
	struct pv_note *more;

	for (size_t i = 0; i < disks->n_notes; i++)
		if (strcmp(disks->notes[i].name, name) == 0)
			return &disks->notes[i];
	more = realloc(disks->notes, (disks->n_notes + 1) * sizeof(*more));
	if (!more)
		return NULL;
	disks->notes = more;
	more += disks->n_notes;
	*more = (struct pv_note){ 0 };
	(void)snprintf(more->name, sizeof(more->name), "%s", name);
	disks->n_notes++;
	return more;
}

static void forget_note(struct disks *disks, const char *name)
{
	for (size_t i = 0; i < disks->n_notes; i++) {
		if (strcmp(disks->notes[i].name, name) != 0 || disks->notes[i].is_busy)
			continue;
		disks->notes[i] = disks->notes[--disks->n_notes];
		return;
	}
}

static void on_looked(void *data)
{
	struct disks *disks = data;

	agent_wake(disks->agent);
}

static void on_settled(uv_timer_t *timer)
{
	struct disks *disks = timer->data;

	if (disks->n_pending > SD_ARRAY_SIZE(disks->pending))
		scan_refresh(&disks->scan, NULL);
	for (size_t i = 0;
	        i < disks->n_pending && disks->n_pending <= SD_ARRAY_SIZE(disks->pending); i++)
		scan_refresh(&disks->scan, disks->pending[i]);
	disks->n_pending = 0;
}

/* name NULL: something was missed, so it may be any. */
static void on_uevent(void *data, const char *name)
{
	struct disks *disks = data;

	if (!name)
		disks->n_pending = SD_ARRAY_SIZE(disks->pending) + 1;
	for (size_t i = 0; i < disks->n_pending && i < SD_ARRAY_SIZE(disks->pending); i++)
		if (name && strcmp(disks->pending[i], name) == 0)
			name = NULL;
	if (name && disks->n_pending < SD_ARRAY_SIZE(disks->pending))
		(void)snprintf(disks->pending[disks->n_pending], UEVENT_NAME_SIZE, "%s", name);
	disks->n_pending += name != NULL;
	if (!uv_is_active((uv_handle_t *)&disks->settle))
		(void)uv_timer_start(&disks->settle, on_settled, SETTLE_MS, 0);
}

static void on_swept(void *data, struct job_message *result)
{
	struct disks *disks = data;

	disks->is_sweeping = false;
	if (result->err.code)
		sd_log(LOG_WARNING, "the sweep of unused stages and mappings: %s",
		        result->err.text);
}

static void sweep(struct disks *disks)
{
	const struct job_work work = { .run = sweep_run };
	const struct child_listener listener = { .end = on_swept, .data = disks };
	struct sd_error err = SD_ERROR_INIT;

	if (disks->is_sweeping)
		return;
	if (child_start(
	            &disks->agent->children, &work, NULL, SWEEP_SECONDS, &listener, NULL, &err) < 0)
		sd_log(LOG_ERR, "the sweep cannot begin: %s", err.text);
	else
		disks->is_sweeping = true;
}

/* What kubelet forgot is gone within a minute. This reads a few files, where a full look asks every disk. */
static void on_sweep(uv_timer_t *timer)
{
	struct disks *disks = timer->data;
	uint64_t seconds = node_config_scan_s(&disks->agent->settings.config);

	sweep(disks);
	if (seconds > SWEEP_EVERY)
		seconds = SWEEP_EVERY;
	(void)uv_timer_start(timer, on_sweep, UINT64_C(1000) * seconds, 0);
}

static void on_full(uv_timer_t *timer)
{
	struct disks *disks = timer->data;
	const struct node_config *config;

	settings_look(&disks->agent->settings);
	config = &disks->agent->settings.config;
	scan_refresh(&disks->scan, NULL);
	metrics_set(disks->agent->metrics, METRIC_LAST_SCAN, "", "", (double)time(NULL));
	(void)uv_timer_start(timer, on_full, UINT64_C(1000) * node_config_scan_s(config), 0);
}

static int start(struct agent *agent, struct sd_error *err)
{
	const struct uevent_listener listener = { .disk = on_uevent };
	struct uevent_listener uevents;
	struct disks *disks = calloc(1, sizeof(*disks));

	if (!disks)
		return sd_error_set(err, ENOMEM, "out of memory");
	survey_preload();
	agent->disks = disks;
	disks->agent = agent;
	disks->scan = (struct scan){
		.children = &agent->children,
		.looked = on_looked,
		.data = disks,
	};
	(void)uv_timer_init(&agent->loop, &disks->full);
	(void)uv_timer_init(&agent->loop, &disks->sweep);
	(void)uv_timer_init(&agent->loop, &disks->settle);
	disks->full.data = disks->settle.data = disks->sweep.data = disks;
	/* Not at once: an agent that cannot begin, for its credentials perhaps, has touched nothing. */
	(void)uv_timer_start(&disks->full, on_full, 0, 0);
	(void)uv_timer_start(&disks->sweep, on_sweep, 0, 0);
	uevents = listener;
	uevents.data = disks;
	return uevents_open(&agent->loop, &uevents, &disks->uevents, err);
}

/* How long no disk has had its volume. The clock runs on while one of them is looked at. */
static uint64_t absent_s(struct disks *disks, const struct world *world, const struct pv_view *pv,
        struct pv_note *note)
{
	uint64_t now = uv_now(&disks->agent->loop);

	if (scan_by_id(&disks->scan, pv->id))
		note->absent_since = 0;
	else if (!note->absent_since && reconcile_is_absent(world, pv))
		note->absent_since = now;
	return note->absent_since ? (now - note->absent_since) / 1000 + 1 : 0;
}

/* A wake that was asked for earlier may have been an earlier one's. */
static void wake_after(struct agent *agent, uint64_t then)
{
	uint64_t now = uv_now(&agent->loop);

	if (then > now)
		agent_wake_in(agent, then - now);
}

static void fill_disks(const struct disks *disks, struct reconcile_disk *ret)
{
	uint64_t now = uv_now(&disks->agent->loop);

	for (size_t i = 0; i < disks->scan.n; i++) {
		const struct slot *slot = disks->scan.slots[i];

		ret[i] = (struct reconcile_disk){
			.view = &slot->view,
			.is_settled = slot_is_settled(slot),
			.rests = slot->rests_until > now,
			.failure = slot->failure,
			.elsewhere = slot->elsewhere,
		};
		wake_after(disks->agent, slot->rests_until);
	}
}

static void fill_pvs(struct disks *disks, const struct world *world, struct reconcile_pv *ret)
{
	const struct pvs *pvs = &disks->agent->pvs;
	uint64_t now = uv_now(&disks->agent->loop);

	for (size_t i = 0; i < pvs->n; i++) {
		struct pv_note *note = pvs->pv[i].id[0] ? disks_note(disks, pvs->pv[i].name) : NULL;

		ret[i] = (struct reconcile_pv){ .pv = &pvs->pv[i], .is_busy = !note };
		if (!note)
			continue;
		ret[i].is_busy = note->is_busy || note->rests_until > now;
		wake_after(disks->agent, note->rests_until);
		if (reconcile_is_ours(&pvs->pv[i], world->hostname))
			ret[i].absent_s = absent_s(disks, world, &pvs->pv[i], note);
		if (note->absent_since && ret[i].absent_s < world->missing_after_s)
			agent_wake_in(disks->agent,
			        (world->missing_after_s - ret[i].absent_s + 1) * 1000);
	}
}

struct pv_name {
	char text[SD_PV_NAME_SIZE]; /* "": not one of a disk, for which nothing is done here */
};

/*
 * The actions point to PersistentVolumes by index, and each request that ends at once may change the list:
 * so none is begun whose object is not the same any more.
 */
static void act(struct disks *disks, const struct actions *actions, const struct pv_name *names)
{
	struct agent *agent = disks->agent;

	bool is_whole = scan_is_settled(&disks->scan); /* before any work begins */

	conditions_begin(&disks->conditions);
	for (size_t i = 0; i < actions->n; i++) {
		const struct action *action = &actions->action[i];
		const struct pv_view *pv = action->pv == NONE
		        ? NULL
		        : pvs_by_name(&agent->pvs, names[action->pv].text);
		struct slot *slot = action->disk == NONE ? NULL : disks->scan.slots[action->disk];

		if (action->pv != NONE && !pv)
			continue;
		if (action->kind == ACT_SAY)
			conditions_find(&disks->conditions, &agent->report, pv, action->severity,
			        action->reason, "%s", action->text);
		else
			work_begin(disks, action, slot, pv);
	}
	if (is_whole)
		conditions_end(&disks->conditions);
	else
		conditions_keep(&disks->conditions);
}

static void copy_names(const struct pvs *pvs, struct pv_name *ret)
{
	for (size_t i = 0; i < pvs->n; i++)
		if (pvs->pv[i].id[0])
			sd_id_pv_name(pvs->pv[i].id, ret[i].text);
}

static void reconcile_disks(struct agent *agent)
{
	struct disks *disks = agent->disks;
	size_t n_pvs = agent->pvs.n;
	_cleanup_free_ struct reconcile_disk *states = calloc(disks->scan.n + 1, sizeof(*states));
	_cleanup_free_ struct reconcile_pv *objects = calloc(n_pvs + 1, sizeof(*objects));
	_cleanup_free_ struct pv_name *names = calloc(n_pvs + 1, sizeof(*names));
	struct world world = {
		.config = &agent->settings.config,
		.hostname = agent->node.hostname,
		.disks = states,
		.n_disks = disks->scan.n,
		.pvs = objects,
		.n_pvs = n_pvs,
		.missing_after_s = node_config_missing_s(&agent->settings.config),
	};
	struct actions actions = { 0 };

	/* A volume may be on two disks: nothing is decided before each was looked at. */
	if (states && objects && names && scan_is_complete(&disks->scan)) {
		copy_names(&agent->pvs, names);
		fill_disks(disks, states);
		fill_pvs(disks, &world, objects);
		reconcile(&world, &actions);
		act(disks, &actions, names);
	}
	actions_free(&actions);
}

/*
 * What is on its disk may be another state by now, which without udevd nobody would tell. As long as no
 * claim has it nobody can have changed it.
 */
static void pv_changed(struct agent *agent, const struct pv_view *pv)
{
	struct disks *disks = agent->disks;
	struct slot *slot = pv->id[0] ? scan_by_id(&disks->scan, pv->id) : NULL;
	bool is_free = !pv->is_claimed && pv->phase <= PV_AVAILABLE && !pv->is_going;

	if (slot && !is_free) {
		slot->is_stale = true;
		scan_go_on(&disks->scan);
	}
	if (pv->phase == PV_GONE)
		forget_note(disks, pv->name);
}

static void measure_disk(struct agent *agent, const struct slot *slot)
{
	const struct node_config *config = &agent->settings.config;
	const struct disk_view *view = &slot->view;
	const struct pool *pool;
	char why[200];

	pool = pools_match(config->pools, config->n_pools, &view->disk, why, sizeof(why));
	metrics_add(agent->metrics, METRIC_DISKS, look_state(view), pool ? pool->name : "", 1);
	if (pool && view->kind == SURVEY_OURS)
		metrics_add(agent->metrics, METRIC_CAPACITY, pool->name, "", (double)view->size);
	if (slot->work && slot->work->kind == ACT_RECLAIM && slot->work->total)
		metrics_set(agent->metrics, METRIC_ERASE_PROGRESS, slot->work->id, "",
		        (double)slot->work->done / (double)slot->work->total);
}

static void measure(struct agent *agent)
{
	const struct scan *scan = &agent->disks->scan;

	metrics_clear(agent->metrics, METRIC_DISKS);
	metrics_clear(agent->metrics, METRIC_CAPACITY);
	metrics_clear(agent->metrics, METRIC_ERASE_PROGRESS);
	for (size_t i = 0; i < scan->n; i++)
		measure_disk(agent, scan->slots[i]);
}

static void stop(struct agent *agent)
{
	struct disks *disks = agent->disks;

	if (!disks)
		return;
	uevents_close(&disks->uevents);
	uv_close((uv_handle_t *)&disks->full, NULL);
	uv_close((uv_handle_t *)&disks->sweep, NULL);
	uv_close((uv_handle_t *)&disks->settle, NULL);
}

static void free_disks(struct agent *agent)
{
	struct disks *disks = sd_steal(agent->disks);
	struct work *next;

	if (!disks)
		return;
	for (struct work *work = disks->works; work; work = next) {
		next = work->next;
		if (work->slot && work->slot->is_removed)
			free(work->slot);
		free(work);
	}
	scan_free(&disks->scan);
	free(disks->notes);
	conditions_clear(&disks->conditions);
	free(disks);
}

const struct source disks_source = {
	.name = "disks",
	.start = start,
	.reconcile = reconcile_disks,
	.pv_changed = pv_changed,
	.measure = measure,
	.stop = stop,
	.free = free_disks,
};
