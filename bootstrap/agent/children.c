/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "children.h"
#include "cleanup.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define REAP_MS 2000 /* a killed process that is stuck in the kernel is not waited for longer */

struct child {
	struct child *next;
	struct children *children;
	struct job_process process; /* fd -1: its end was told */
	struct child_listener listener;
	struct job_message result;
	uv_poll_t news;
	uv_timer_t timer;
	unsigned open_handles;
	bool is_told; /* its end */
	bool is_reaped;
	bool is_late;
};

/* It is given back when the kernel, the loop and the listener are all done with it. */
static void let_go(struct child *child)
{
	struct child **p = &child->children->first;

	if (!child->is_told || !child->is_reaped || child->open_handles)
		return;
	while (*p && *p != child)
		p = &(*p)->next;
	if (*p)
		*p = child->next;
	free(child);
}

static void on_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	child->open_handles--;
	let_go(child);
}

static void close_handles(struct child *child)
{
	if (!uv_is_closing((uv_handle_t *)&child->news))
		uv_close((uv_handle_t *)&child->news, on_closed);
	if (!uv_is_closing((uv_handle_t *)&child->timer))
		uv_close((uv_handle_t *)&child->timer, on_closed);
}

static void tell_end(struct child *child)
{
	if (child->is_told)
		return;
	child->is_told = true;
	child->children->n--;
	close_handles(child);
	(void)close(sd_steal_fd(child->process.fd));
	if (child->listener.end)
		child->listener.end(child->listener.data, &child->result);
	let_go(child);
}

static void read_news(struct child *child)
{
	struct job_message message;
	int r;

	if (child->is_told)
		return;
	while ((r = job_read(&child->process, &message)) > 0) {
		if (message.is_result)
			child->result = message;
		else if (child->listener.news)
			child->listener.news(child->listener.data, &message);
	}
	if (r < 0)
		(void)uv_poll_stop(&child->news); /* SIGCHLD tells the rest */
}

static void on_news(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	read_news(handle->data);
}

static void on_reaped(struct child *child, int status)
{
	child->is_reaped = true;
	read_news(child);
	if (!child->is_told && !child->result.is_result) {
		if (child->is_late)
			child->result.err.code = 0;
		job_tell_death(&child->result, status);
		if (child->is_late)
			sd_error_set(&child->result.err, ETIMEDOUT,
			        "its process was killed, since it did not come to an end");
	}
	tell_end(child);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
	struct children *children = handle->data;
	struct child *next;

	(void)signal_number;
	for (struct child *child = children->first; child; child = next) {
		int status;

		next = child->next;
		if (!child->is_reaped && waitpid(child->process.pid, &status, WNOHANG) > 0) {
			bool is_freed = child->is_told && !child->open_handles;

			on_reaped(child, status);
			if (is_freed)
				let_go(child);
		}
	}
}

/* Its end is told though it is there still; it is reaped when the disk lets it go. */
static void on_stuck(uv_timer_t *timer)
{
	struct child *child = timer->data;

	child->result.outcome.touched = true;
	sd_error_set(&child->result.err, ETIMEDOUT,
	        "its process %d does not end: the disk does not answer", (int)child->process.pid);
	tell_end(child);
}

static void on_late(uv_timer_t *timer)
{
	struct child *child = timer->data;

	child->is_late = true;
	(void)kill(child->process.pid, SIGKILL);
	(void)uv_timer_start(timer, on_stuck, REAP_MS, 0);
}

int children_start(uv_loop_t *loop, struct children *ret, struct sd_error *err)
{
	int r;

	*ret = (struct children){ .loop = loop };
	r = uv_signal_init(loop, &ret->signal);
	ret->signal.data = ret;
	if (r == 0)
		r = uv_signal_start(&ret->signal, on_signal, SIGCHLD);
	return r < 0 ? sd_error_errno(err, -r, "cannot listen to child processes") : 0;
}

static int listen_to(struct child *child, unsigned seconds)
{
	int r = uv_poll_init(child->children->loop, &child->news, child->process.fd);

	if (r < 0)
		return r;
	(void)uv_timer_init(child->children->loop, &child->timer); /* never fails */
	child->news.data = child->timer.data = child;
	child->open_handles = 2;
	r = uv_poll_start(&child->news, UV_READABLE, on_news);
	if (r == 0 && seconds)
		r = uv_timer_start(&child->timer, on_late, UINT64_C(1000) * seconds, 0);
	return r;
}

int child_start(struct children *children, const struct job_work *work, const struct sd_disk *disk,
        unsigned seconds, const struct child_listener *listener, struct child **ret,
        struct sd_error *err)
{
	_cleanup_free_ struct child *child = calloc(1, sizeof(*child));
	int r;

	if (!child)
		return sd_error_set(err, ENOMEM, "out of memory");
	child->children = children;
	child->listener = *listener;
	r = job_start(work, disk, 0, NULL, JOB_ALONE, &child->process, err);
	if (r < 0)
		return r;
	r = listen_to(child, seconds);
	if (r < 0 && !child->open_handles) {
		/* Nobody would hear it: as if it had never begun. It is stopped before it has a disk's lock. */
		(void)kill(child->process.pid, SIGKILL);
		(void)waitpid(child->process.pid, NULL, 0);
		(void)close(child->process.fd);
		return sd_error_errno(err, -r, "cannot listen to the disk's process");
	}
	child->next = children->first;
	children->first = child;
	children->n++;
	if (ret)
		*ret = child;
	child = NULL;
	return 0;
}

void child_stop(struct child *child)
{
	if (!child->is_reaped)
		(void)kill(child->process.pid, SIGTERM);
}

void children_stop(struct children *children)
{
	for (struct child *child = children->first; child; child = child->next)
		child_stop(child);
}

void children_close(struct children *children)
{
	struct child *next;

	if (!children->loop)
		return;
	if (!uv_is_closing((uv_handle_t *)&children->signal))
		uv_close((uv_handle_t *)&children->signal, NULL);
	for (struct child *child = children->first; child; child = next) {
		next = child->next;
		child->listener = (struct child_listener){ 0 };
		child->is_reaped = true; /* by init */
		tell_end(child);
	}
}
