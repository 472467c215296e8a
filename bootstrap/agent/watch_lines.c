/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int watch_lines_add(struct watch_lines *lines, const char *bytes, size_t n, struct sd_error *err)
{
	size_t rest = lines->len - lines->at;

	if (lines->at > 0 && rest > 0)
		memmove(lines->text, lines->text + lines->at, rest);
	lines->at = 0;
	lines->len = rest;
	if (n > lines->room - rest) {
		size_t room = rest + n + rest / 2;
		char *text = realloc(lines->text, room);

		if (!text)
			return sd_error_set(err, ENOMEM, "out of memory");
		lines->text = text;
		lines->room = room;
	}
	if (n > 0)
		memcpy(lines->text + rest, bytes, n);
	lines->len += n;
	return 0;
}

int watch_lines_next(
        struct watch_lines *lines, const char **ret, size_t *ret_len, struct sd_error *err)
{
	size_t rest = lines->len - lines->at;
	char *begin = rest > 0 ? lines->text + lines->at : NULL;
	char *end = rest > 0 ? memchr(begin, '\n', rest) : NULL;

	if (!end) {
		if (rest == 0)
			watch_lines_reset(lines);
		return rest > WATCH_LINE_MAX
		        ? sd_error_set(err, EMSGSIZE, "a line of the watch is longer than %u MiB",
		                  WATCH_LINE_MAX >> 20)
		        : 0;
	}
	lines->at += (size_t)(end - begin) + 1;
	*ret = begin;
	*ret_len = (size_t)(end - begin);
	return 1;
}

void watch_lines_reset(struct watch_lines *lines)
{
	free(lines->text);
	*lines = (struct watch_lines){ 0 };
}
