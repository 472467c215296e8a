/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One disk's work in a process of its own: a disk that hangs, or a crash, is that disk's alone, and the
 * libraries need not know threads. What it tells comes as datagrams, since a child is this very program.
 */

#include "disk.h"
#include "error.h"
#include "key.h"
#include "progress.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The work of a command. data is its own; i is the disk's place in the command line. */
struct job_work {
	/*
	 * In the child. It may write to data, but nobody will see that: what the parent is to know is in
	 * ret, which is all zeros before, and valid after an error too. It looks at cancel.h.
	 */
	int (*run)(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
	        struct outcome *ret, struct sd_error *err);
	/* The child locks its copy in memory, and wipes it when it is done. NULL: no key. */
	struct sd_key *key;
	void *data;
};

struct job_process {
	pid_t pid;
	int fd; /* the parent's end; readable when there is news */
};

struct job_message {
	bool is_result; /* the last one: outcome and err are set; else step and amount */
	char step[PROGRESS_STEP];
	uint64_t done, total; /* total 0: no amount */
	struct outcome outcome;
	struct sd_error err; /* code 0: it went well */
};

/*
 * Starts one. others are the jobs that run already (n of them; fd -1: ended): the child lets go of
 * their descriptors; with n JOB_ALONE, of all descriptors but the standard ones. The child is asked to stop by SIGTERM, and gets that when its parent dies.
 */
#define JOB_ALONE SIZE_MAX
int job_start(const struct job_work *work, const struct sd_disk *disk, size_t i,
        const struct job_process *others, size_t n, struct job_process *ret, struct sd_error *err);

/* Takes the next message, never waits. 1: there was one; 0: not now; -1: there will be none. */
int job_read(const struct job_process *job, struct job_message *ret);

/* The result of one that has ended (status as of waitpid()) without telling any. */
void job_tell_death(struct job_message *result, int status);
