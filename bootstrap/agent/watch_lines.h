/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A stream cut into lines, wherever its pieces end. No more than one line is kept. */

#include "error.h"

#include <stddef.h>

#define WATCH_LINE_MAX (4u << 20) /* etcd keeps no object of more than 1.5 MiB */

struct watch_lines {
	char *text;
	size_t at, len, room;
};

int watch_lines_add(struct watch_lines *lines, const char *bytes, size_t n, struct sd_error *err);
/*
 * The next whole line, without its end; it is valid until the next call. Returns 1, 0 if there is none
 * yet, or -EMSGSIZE: the line that has begun is too long already.
 */
int watch_lines_next(
        struct watch_lines *lines, const char **ret, size_t *ret_len, struct sd_error *err);
/* Forgets the beginning of a line that never ends. Frees. */
void watch_lines_reset(struct watch_lines *lines);
