/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Children (job.h) within the agent's loop: the parent only listens to them. */

#include "error.h"
#include "job.h"

#include <stddef.h>
#include <uv.h>

struct child;

/* All that run; a member of the agent. */
struct children {
	uv_loop_t *loop;
	uv_signal_t signal;
	struct child *first;
	size_t n; /* those whose end was not told yet */
};

struct child_listener {
	void (*news)(void *data, const struct job_message *news); /* NULL: not wanted */
	/*
	 * Once, and the child is gone then. -EOWNERDEAD: its process died; -ETIMEDOUT: it was
	 * killed after its time, or cannot even be: then it is no longer waited for.
	 */
	void (*end)(void *data, struct job_message *result);
	void *data;
};

int children_start(uv_loop_t *loop, struct children *ret, struct sd_error *err);

/*
 * Runs work in a process which has none of the agent's descriptors. work->data and disk need to last
 * during this call only. seconds: how long it may take, 0: any time. *ret is for child_stop() and may
 * be NULL; it is valid until end is called, which never happens before this returns.
 */
int child_start(struct children *children, const struct job_work *work, const struct sd_disk *disk,
        unsigned seconds, const struct child_listener *listener, struct child **ret,
        struct sd_error *err);

/* Asks it to stop (SIGTERM); end is called as ever. */
void child_stop(struct child *child);

/* Asks all of them. */
void children_stop(struct children *children);

/* Closes all handles; nothing is told any more. Children that still run get SIGTERM when we are gone. */
void children_close(struct children *children);
