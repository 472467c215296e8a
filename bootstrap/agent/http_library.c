/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http_library.h"
#include "cleanup.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

struct http_curl http_curl;

/* The token passes through libcurl's memory, so what it frees is wiped. */
static void wiping_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static void *wiping_realloc(void *p, size_t size)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *new;

	if (p && size <= old && size >= old / 2)
		return p;
	new = malloc(size);
	if (!new || !p)
		return new;
	memcpy(new, p, old < size ? old : size);
	wiping_free(p);
	return new;
}

int http_curl_load(struct sd_error *err)
{
	static const char *const names[] = { HTTP_CURL_FUNCTIONS(SD_LIBRARY_NAME) };
	static bool is_ready;
	int r;

	if (is_ready)
		return 0;
	r = sd_library_load("libcurl.so.4", names, SD_ARRAY_SIZE(names), &http_curl, err);
	if (r < 0)
		return r;
	if (http_curl.curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc,
	            strdup, calloc) != CURLE_OK)
		return sd_error_set(err, ENOMEM, "libcurl cannot be started");
	is_ready = true;
	return 0;
}
