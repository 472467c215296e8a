/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Runs jobs (job.h) at once and listens to them: the event loop of a command. */

#include "disk.h"
#include "error.h"
#include "job.h"

#include <stddef.h>

/* What the loop calls; data is the listener's. */
struct jobs_listener {
	void (*news)(void *data, size_t i, const struct job_message *news);
	/*
	 * Once for each job, in the order in which they end. Of a job that never began, or whose process
	 * died, the result says so; the latter counts as touched.
	 */
	void (*end)(void *data, size_t i, struct job_message *result);
	/* SIGINT, SIGTERM or SIGHUP came for the first time: all jobs were asked to stop. */
	void (*stopping)(void *data);
	void (*tick)(void *data); /* a few times a second; NULL: not wanted */
	void *data;
};

/*
 * Works on n disks, limit of them at once. Returns 0 when each has ended; an error, when there is no
 * loop to be had: then nothing was begun. The second signal kills what still runs, and a process that
 * even then does not end (its disk does not answer) is not waited for. A signal that is ignored stays so.
 */
int jobs_run(const struct job_work *work, const struct sd_disk *disks, size_t n, size_t limit,
        const struct jobs_listener *listener, struct sd_error *err);
