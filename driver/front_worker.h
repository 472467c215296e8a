/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The front's side of a worker: starts one, gives it the request, waits for its answer with a bound.
 * Request: "call" or "undo", a token and the arguments as NUL-terminated strings on fd 0, then its end.
 * Answer: one datagram to fd 3, a letter and one line of JSON. Nothing else is open in the worker.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FRONT_ANSWER_MAX (64u << 10) /* of the JSON, bytes */

struct front_request {
	char *text; /* begins with "call" or "undo", see the head of this file */
	size_t size;
	bool once; /* no second worker will need it: wiped as soon as it is written */
};

enum front_outcome {
	FRONT_ANSWERED,
	FRONT_NOT_STARTED, /* error tells why */
	FRONT_ENDED,       /* without an answer; front_describe_end() tells how */
	FRONT_RUBBISH,     /* what it sent is no answer */
	FRONT_EXPIRED,     /* it goes on, but its answer counts no more */
	FRONT_INTERRUPTED, /* the same, because of the signal in interrupted */
};

struct front_attempt {
	pid_t pid;
	int request_fd, answer_fd;
	unsigned bound_ms; /* as it was applied */
	size_t written;
	int error, interrupted, wait_status;
	bool ended, closed; /* the process; its end of the socket */
	/* 'S', 'F' or 'N', and the JSON; room for one byte more, which the caller may use. */
	char answer[1 + FRONT_ANSWER_MAX + 1];
	size_t answer_size;
};

struct front_files {
	char worker[PATH_MAX]; /* beside this executable */
	char loader[PATH_MAX]; /* that starts it, if this is a bundle; else empty */
};

/* Finds both. A negative errno: where this executable lies cannot be known. */
int front_find_worker(struct front_files *ret);

/*
 * Holds all signals back, so that none ends the front without an answer. Returns a descriptor to read
 * those from that tell of a worker's end or ask to stop, or a negative errno.
 */
int front_catch_signals(void);

/*
 * Has the worker do kind, "call" or "undo", and waits bound_ms at most. The worker is never killed:
 * whatever the outcome, either its answer is in attempt, or its sending one fails with EPIPE from now on.
 */
enum front_outcome front_run_worker(const struct front_files *files, int signals,
        struct front_request *request, const char *kind, unsigned bound_ms,
        struct front_attempt *attempt);

/* How a worker ended that gave no sound answer: "was killed by SIGKILL". */
void front_describe_end(
        const struct front_attempt *attempt, enum front_outcome outcome, char *buf, size_t size);
