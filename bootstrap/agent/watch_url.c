/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch_url.h"

#include <stdio.h>
#include <string.h>

char *watch_url(const char *path, const char *first, const char *selector)
{
	char mark = strchr(path, '?') ? '&' : '?';
	char *url;

	if (asprintf(&url, "%s%c%s%s%s", path, mark, first, selector ? "&labelSelector=" : "",
	            selector ? selector : "") < 0)
		return NULL;
	return url;
}
