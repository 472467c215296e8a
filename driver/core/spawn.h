/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Runs one program (mkfs and its like) and waits for it. The child gets a fixed PATH and locale and
 * no other environment, /dev/null or a given descriptor as stdin, and its stdout and stderr end in a
 * buffer of ours: nothing of it can reach kubelet, and the last line becomes the error's text.
 */

#include "error.h"

#include <stddef.h>

struct sd_spawn {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in the fixed PATH */
	int stdin_fd;            /* 0: /dev/null */
	int stdout_fd;           /* 0: into the buffer, with stderr */
	const int *keep_fds;     /* stay open in the child, for a lock that must outlive us */
	size_t n_keep_fds;
	unsigned timeout_s; /* then the child's whole process group is killed; 0: none */
	/* Called a few times a second while the child runs; non-zero kills it (-ECANCELED). */
	int (*poll)(void *data);
	void *poll_data;
};

/*
 * Returns 0 when the program exited with 0; -ENOENT when it is not installed; -ETIMEDOUT, -ECANCELED;
 * else -EIO, err telling the exit status or signal and the last line that it printed.
 */
int sd_spawn(const struct sd_spawn *spawn, struct sd_error *err);
