/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The API server of a cluster, over one event loop: requests, and watches that go on by themselves. The
 * only user of libcurl. Nothing here blocks. The server's certificate is always verified; a token is
 * read again when its file was replaced.
 */

#include "error.h"
#include "json.h"

#include <stddef.h>
#include <uv.h>

struct api;

/*
 * kubeconfig: a file, or NULL for the credentials of the pod's service account. Nothing is sent yet: a
 * server that is away is not an error. -ENOENT: no credentials; -EINVAL: err names file and what is wrong.
 */
int api_open(uv_loop_t *loop, const char *kubeconfig, struct api **ret, struct sd_error *err);
/* Cancels what is under way; handles are closed by the loop afterwards. NULL is fine. */
void api_close(struct api *api);

enum api_method {
	API_GET,
	API_CREATE,      /* POST */
	API_CREATE_LAST, /* the same, after all else that waits to be sent: events */
	API_UPDATE,      /* PUT */
	API_PATCH,       /* a merge patch */
	API_DELETE,      /* body: DeleteOptions with preconditions, or NULL */
};

struct api_answer {
	int status;    /* of HTTP; 0: no whole answer came */
	sd_json *body; /* borrowed; NULL: none */
	/*
	 * code 0: done. Else, with the server's own words: -ENOENT (404), -EEXIST (409 AlreadyExists),
	 * -ESTALE (409 Conflict), -EACCES (401, 403), -EINVAL (400, 422), -EAGAIN: it may do later (no
	 * answer, 429, 5xx).
	 */
	struct sd_error err;
};

struct api_request;
typedef void (*api_done)(void *data, const struct api_answer *answer);

/*
 * Sends a request; path is absolute, with its query ("/api/v1/persistentvolumes/x"). body is borrowed,
 * and NULL when there is none. done is called once, never before this returns, and not after
 * api_cancel(). What can be repeated without harm (GET) is, with growing pauses, until the time limit
 * (30 s); a change is tried once, since only its sender knows what an answer that was lost means. After a
 * 429 nothing is sent before its Retry-After is over. *ret may be NULL.
 */
int api_send(struct api *api, enum api_method method, const char *path, sd_json *body,
        api_done done, void *data, struct api_request **ret, struct sd_error *err);
void api_cancel(struct api_request *request); /* NULL is fine */

enum api_change { API_ADDED, API_MODIFIED, API_DELETED };

struct api_listener {
	/* The whole truth, at first and whenever the watch had to begin anew: what is not in it is gone. */
	void (*listed)(void *data, sd_json *items);
	/* One object has changed since. */
	void (*changed)(void *data, enum api_change change, sd_json *object);
	/* NULL: it works again. Else it does not, once for each outage; it goes on trying by itself. */
	void (*failing)(void *data, const struct sd_error *err);
	void *data;
};

struct api_watch;

/*
 * Lists and watches a collection ("/api/v1/persistentvolumes"), for ever: bookmarks keep its place, a
 * lost connection goes on from there, 410 lists again, pauses grow (with jitter) while the server is
 * away. selector: of labels, or NULL.
 */
int api_watch_start(struct api *api, const char *path, const char *selector,
        const struct api_listener *listener, struct api_watch **ret, struct sd_error *err);
void api_watch_stop(struct api_watch *watch); /* NULL is fine */

/* For the metrics: how many requests of a method ended with a status; calls f for each that is not 0. */
void api_count(const struct api *api,
        void (*f)(void *data, const char *verb, int status, uint64_t n), void *data);
