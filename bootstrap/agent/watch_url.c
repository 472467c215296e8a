/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *watch_encode(const char *text)
{
	static const char plain[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	char *encoded = malloc(3 * strlen(text) + 1), *p = encoded;

	for (; encoded && *text; text++) {
		if (strchr(plain, *text))
			*p++ = *text;
		else
			p += sprintf(p, "%%%02X", (unsigned char)*text);
	}
	if (encoded)
		*p = '\0';
	return encoded;
}

char *watch_url(const char *path, const char *first, const char *selector)
{
	char mark = strchr(path, '?') ? '&' : '?';
	char *url;

	if (asprintf(&url, "%s%c%s%s%s", path, mark, first, selector ? "&labelSelector=" : "",
	            selector ? selector : "") < 0)
		return NULL;
	return url;
}
