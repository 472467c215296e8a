/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * HTTP to one server, over the event loop; the only user of libcurl. It knows nothing of Kubernetes: one
 * call is one try. No call's functions run before http_start() returns, and each of them may start or
 * cancel any call, and close it all.
 */

#include "error.h"
#include "kubeconfig.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http;
struct http_call;

struct http_result {
	int status;          /* 0: no whole answer came, and err says why */
	bool has_begun;      /* a stream was handed over */
	int64_t retry_after; /* seconds; -1: the server did not say */
	const char *body;    /* of text_max bytes at most, with a NUL behind; "" for a stream */
	size_t len;
	struct sd_error err;
};

struct http_what {
	const char *method; /* GET, POST... */
	const char *path;   /* absolute, with its query */
	const char *type;   /* of the body */
	char *body;         /* taken over when http_start() succeeds (free()); NULL: none */
	uint64_t limit_ms;  /* for all of it */
	size_t text_max;    /* a longer answer is an error */
	/*
	 * NULL, or: the answer is a stream, if its status is 200. What came is handed over as it comes,
	 * the first time as soon as the answer begins (n may be 0 then). Less than 0: the rest is not
	 * wanted, and done gets this error.
	 */
	int (*stream)(void *data, const char *bytes, size_t n, struct sd_error *err);
	void *stream_data;
	void (*done)(
	        void *data, const struct http_result *result); /* once; not after http_cancel() */
	void *data;
};

/* credentials are borrowed. -ELIBACC: libcurl is not installed. */
int http_open(
        uv_loop_t *loop, struct kubeconfig *credentials, struct http **ret, struct sd_error *err);
/* Cancels everything. Its handles, and with them its memory, are the loop's to close. NULL is fine. */
void http_close(struct http *http);

int http_start(struct http *http, const struct http_what *what, struct http_call **ret,
        struct sd_error *err);
void http_cancel(struct http_call *call); /* NULL is fine */

/*
 * A value for a query, once http_open() has succeeded: all but what RFC 3986 never reserves is escaped. The
 * caller's (free()); NULL without memory.
 */
char *http_escape(const char *text);
