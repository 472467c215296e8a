/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobs.h"
#include "cleanup.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <uv.h>

#define TICK_MS 200
#define REAP_MS 2000 /* a killed process that is stuck in the kernel is not waited for longer */

struct task {
	struct jobs *jobs;
	uv_poll_t news;
	bool is_polled;
	struct job_message result;
};

struct jobs {
	uv_loop_t loop;
	uv_signal_t signals[4];
	size_t n_signals;
	uv_timer_t tick, give_up;
	const struct job_work *work;
	const struct sd_disk *disks;
	const struct jobs_listener *listener;
	struct task *tasks;
	struct job_process *processes; /* one a task; fd -1: not begun, or ended */
	size_t n, limit, next, active;
	unsigned stops; /* how often we were told to stop */
};

static void close_handle(uv_handle_t *handle, void *data)
{
	(void)data;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void end_task(struct jobs *jobs, size_t i)
{
	jobs->listener->end(jobs->listener->data, i, &jobs->tasks[i].result);
}

static void read_news(struct jobs *jobs, size_t i)
{
	struct task *task = &jobs->tasks[i];
	struct job_message message;
	int r;

	while ((r = job_read(&jobs->processes[i], &message)) > 0) {
		if (message.is_result)
			task->result = message;
		else
			jobs->listener->news(jobs->listener->data, i, &message);
	}
	if (r < 0 && task->is_polled)
		(void)uv_poll_stop(&task->news); /* SIGCHLD tells the rest */
}

static void on_news(uv_poll_t *handle, int status, int events)
{
	struct task *task = handle->data;

	(void)status;
	(void)events;
	read_news(task->jobs, (size_t)(task - task->jobs->tasks));
}

static void start_task(struct jobs *jobs, size_t i)
{
	struct task *task = &jobs->tasks[i];
	struct job_process *process = &jobs->processes[i];
	int r;

	if (jobs->stops)
		r = sd_error_set(&task->result.err, ECANCELED,
		        "cancelled before it began; nothing was changed");
	else
		r = job_start(jobs->work, &jobs->disks[i], i, jobs->processes, i, process,
		        &task->result.err);
	if (r < 0) {
		end_task(jobs, i);
		return;
	}
	jobs->active++;
	/* Without memory for this, its news is read when it has ended. */
	task->news.data = task;
	task->is_polled = uv_poll_init(&jobs->loop, &task->news, process->fd) == 0;
	if (task->is_polled)
		(void)uv_poll_start(&task->news, UV_READABLE, on_news);
}

static void start_tasks(struct jobs *jobs)
{
	while (jobs->next < jobs->n && (jobs->active < jobs->limit || jobs->stops))
		start_task(jobs, jobs->next++);
	if (jobs->active == 0)
		uv_walk(&jobs->loop, close_handle, NULL);
}

/* Takes the process out of the loop, and tells its result. */
static void leave(struct jobs *jobs, size_t i)
{
	struct task *task = &jobs->tasks[i];

	if (task->is_polled)
		uv_close((uv_handle_t *)&task->news, NULL);
	(void)close(sd_steal_fd(jobs->processes[i].fd));
	jobs->active--;
	end_task(jobs, i);
}

static void on_child(uv_signal_t *handle, int signal_number)
{
	struct jobs *jobs = handle->data;

	(void)signal_number;
	for (size_t i = 0; i < jobs->next; i++) {
		int status;

		if (jobs->processes[i].fd < 0 ||
		        waitpid(jobs->processes[i].pid, &status, WNOHANG) <= 0)
			continue;
		read_news(jobs, i);
		if (!jobs->tasks[i].result.is_result)
			job_tell_death(&jobs->tasks[i].result, status);
		leave(jobs, i);
	}
	start_tasks(jobs);
}

static void on_give_up(uv_timer_t *handle)
{
	struct jobs *jobs = handle->data;

	for (size_t i = 0; i < jobs->next; i++) {
		struct job_message *result = &jobs->tasks[i].result;

		if (jobs->processes[i].fd < 0)
			continue;
		result->outcome.touched = true;
		sd_error_set(&result->err, EBUSY,
		        "its process %d does not end: the disk does not answer",
		        (int)jobs->processes[i].pid);
		leave(jobs, i);
	}
	start_tasks(jobs);
}

static void on_stop(uv_signal_t *handle, int signal_number)
{
	struct jobs *jobs = handle->data;

	(void)signal_number;
	jobs->stops++;
	for (size_t i = 0; i < jobs->next; i++)
		if (jobs->processes[i].fd >= 0)
			(void)kill(jobs->processes[i].pid, jobs->stops > 1 ? SIGKILL : SIGTERM);
	if (jobs->stops == 1)
		jobs->listener->stopping(jobs->listener->data);
	else
		(void)uv_timer_start(&jobs->give_up, on_give_up, REAP_MS, 0);
	start_tasks(jobs);
}

static void on_tick(uv_timer_t *handle)
{
	struct jobs *jobs = handle->data;

	jobs->listener->tick(jobs->listener->data);
}

static int listen_to(struct jobs *jobs, int signal_number, uv_signal_cb callback)
{
	uv_signal_t *handle = &jobs->signals[jobs->n_signals];
	struct sigaction action;
	int r;

	/* nohup, or a shell's background: it stays ignored. */
	if (callback == on_stop && sigaction(signal_number, NULL, &action) == 0 &&
	        action.sa_handler == SIG_IGN)
		return 0;
	r = uv_signal_init(&jobs->loop, handle);
	if (r < 0)
		return r;
	jobs->n_signals++;
	handle->data = jobs;
	return uv_signal_start(handle, callback, signal_number);
}

static int set_up(struct jobs *jobs)
{
	int r;

	jobs->tick.data = jobs->give_up.data = jobs;
	r = uv_timer_init(&jobs->loop, &jobs->tick);
	if (r == 0)
		r = uv_timer_init(&jobs->loop, &jobs->give_up);
	if (r == 0)
		r = listen_to(jobs, SIGCHLD, on_child);
	if (r == 0)
		r = listen_to(jobs, SIGINT, on_stop);
	if (r == 0)
		r = listen_to(jobs, SIGTERM, on_stop);
	if (r == 0)
		r = listen_to(jobs, SIGHUP, on_stop);
	if (r == 0 && jobs->listener->tick)
		r = uv_timer_start(&jobs->tick, on_tick, TICK_MS, TICK_MS);
	return r;
}

int jobs_run(const struct job_work *work, const struct sd_disk *disks, size_t n, size_t limit,
        const struct jobs_listener *listener, struct sd_error *err)
{
	_cleanup_free_ struct task *tasks = calloc(n, sizeof(*tasks));
	_cleanup_free_ struct job_process *processes = calloc(n, sizeof(*processes));
	struct jobs jobs = {
		.work = work,
		.disks = disks,
		.listener = listener,
		.tasks = tasks,
		.processes = processes,
		.n = n,
		.limit = limit,
	};
	int r;

	if (!tasks || !processes)
		return sd_error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		tasks[i].jobs = &jobs;
		processes[i].fd = -1;
	}
	r = uv_loop_init(&jobs.loop);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot make an event loop");
	r = set_up(&jobs);
	if (r == 0)
		start_tasks(&jobs);
	else
		uv_walk(&jobs.loop, close_handle, NULL);
	(void)uv_run(&jobs.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&jobs.loop);
	return r < 0 ? sd_error_errno(err, -r, "cannot make an event loop") : 0;
}
