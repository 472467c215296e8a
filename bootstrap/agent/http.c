/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http_library.h"
#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_CONNECTIONS 6L   /* those in use count too */
#define STREAM_MAX (8u << 20) /* what one turn of the loop can bring, many times over */

struct http {
	uv_loop_t *loop;
	uv_timer_t timer;
	CURLM *multi;
	struct kubeconfig *credentials;
	struct http_call *calls, *current; /* current: whose functions run now */
	bool is_closed;
};

struct http_call {
	struct http *http;
	struct http_call *prev, *next;
	struct http_what what;
	CURL *easy;
	struct curl_slist *headers;
	char message[CURL_ERROR_SIZE];
	char *text; /* what came and was not yet handed over */
	size_t len, room;
	struct sd_error err; /* why we do not want the rest */
	CURLcode code;
	bool has_begun; /* as a stream */
	bool is_over;   /* code is set */
};

/* A socket of libcurl's that the loop watches. */
struct watched {
	uv_poll_t poll;
	struct http *http;
	curl_socket_t fd;
};

static int text_add(struct http_call *call, const char *bytes, size_t n)
{
	if (call->len + n + 1 > call->room) {
		size_t room = (call->len + n + 1) * 2;
		char *text = realloc(call->text, room);

		if (!text)
			return sd_error_set(&call->err, ENOMEM, "out of memory");
		call->text = text;
		call->room = room;
	}
	memcpy(call->text + call->len, bytes, n);
	call->len += n;
	call->text[call->len] = '\0';
	return 0;
}

static long status_of(const struct http_call *call)
{
	long status = 0;

	(void)http_curl.curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* From within libcurl, where none of its functions may be called: the text is only kept. */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *data)
{
	struct http_call *call = data;
	size_t max = call->what.stream && status_of(call) == 200 ? STREAM_MAX : call->what.text_max;

	if (call->err.code)
		return 0;
	if (n * size > max - call->len) {
		sd_error_set(&call->err, EMSGSIZE, "the answer is longer than %zu bytes", max);
		return 0;
	}
	return text_add(call, bytes, n * size) < 0 ? 0 : n * size;
}

static void unlink_call(struct http_call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		call->http->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
}

/* What libcurl has of it. */
static void end_call(struct http_call *call)
{
	if (!call->easy)
		return;
	(void)http_curl.curl_multi_remove_handle(call->http->multi, call->easy);
	http_curl.curl_easy_cleanup(sd_steal(call->easy));
	http_headers_free(sd_steal(call->headers));
}

static void free_call(struct http_call *call)
{
	end_call(call);
	free(call->text);
	free(call);
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	if (call->http->current == call)
		call->http->current = NULL;
	unlink_call(call);
	free_call(call);
}

/* Why no whole answer came: our own reason, or libcurl's. */
static void say_why(const struct http_call *call, struct sd_error *ret)
{
	const char *why =
	        call->message[0] ? call->message : http_curl.curl_easy_strerror(call->code);

	if (call->err.code)
		*ret = call->err;
	else
		sd_error_set(ret, call->code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EIO,
		        "%s: %s", call->http->credentials->server, why);
}

static void finish(struct http_call *call)
{
	struct http_result result = { .retry_after = -1, .body = "", .has_begun = call->has_begun };
	curl_off_t seconds = 0;

	if (call->code != CURLE_OK || call->err.code) {
		say_why(call, &result.err);
	} else {
		result.status = (int)status_of(call);
		result.body = call->text ? call->text : "";
		result.len = call->len;
		if (http_curl.curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds) ==
		                CURLE_OK &&
		        seconds > 0)
			result.retry_after = seconds;
	}
	/* Whatever done does, this call is over: it cannot be cancelled from there. */
	unlink_call(call);
	end_call(call);
	call->what.done(call->what.data, &result);
	free_call(call);
}

/* Hands over what came; call may be gone afterwards. Returns whether it is still there. */
static bool hand_over(struct http *http, struct http_call *call)
{
	_cleanup_free_ char *text = sd_steal(call->text);
	size_t len = call->len;
	int r;

	call->len = call->room = 0;
	call->has_begun = true;
	http->current = call;
	r = call->what.stream(call->what.stream_data, text ? text : "", len, &call->err);
	if (http->current != call)
		return false;
	http->current = NULL;
	if (r < 0 && !call->is_over) {
		(void)http_curl.curl_multi_remove_handle(http->multi, call->easy);
		call->is_over = true;
	}
	return true;
}

static void note_ends(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = http_curl.curl_multi_info_read(http->multi, &left))) {
		struct http_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)http_curl.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call->code = message->data.result;
		call->is_over = true;
	}
}

/* Any of the functions called may start and cancel calls, so each round looks from the beginning. */
static bool serve_one(struct http *http)
{
	for (struct http_call *call = http->calls; call; call = call->next) {
		bool is_stream = call->what.stream && status_of(call) == 200;

		if (is_stream && (call->len > 0 || !call->has_begun)) {
			(void)hand_over(http, call);
			return true;
		}
		if (call->is_over) {
			finish(call);
			return true;
		}
	}
	return false;
}

static void go_on(struct http *http, curl_socket_t fd, int events)
{
	int running;

	(void)http_curl.curl_multi_socket_action(http->multi, fd, events, &running);
	note_ends(http);
	while (!http->is_closed && serve_one(http))
		;
}

static void on_timer(uv_timer_t *timer)
{
	go_on(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watched *watched = poll->data;
	int flags = 0;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	go_on(watched->http, watched->fd, flags);
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int watch_socket(struct http *http, curl_socket_t fd, struct watched **ret)
{
	struct watched *watched = calloc(1, sizeof(*watched));

	if (!watched)
		return -ENOMEM;
	watched->http = http;
	watched->fd = fd;
	watched->poll.data = watched;
	if (uv_poll_init_socket(http->loop, &watched->poll, fd) < 0) {
		free(watched);
		return -EIO;
	}
	*ret = watched;
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *of_socket)
{
	struct watched *watched = of_socket;
	struct http *http = data;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watched)
			uv_close((uv_handle_t *)&watched->poll, on_poll_closed);
		(void)http_curl.curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (!watched) {
		if (watch_socket(http, fd, &watched) < 0)
			return -1;
		(void)http_curl.curl_multi_assign(http->multi, fd, watched);
	}
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&watched->poll, events, on_ready) < 0 ? -1 : 0;
}

/* 0 milliseconds still means the loop's next turn: from here no function of libcurl may be called. */
static int on_wanted_time(CURLM *multi, long ms, void *data)
{
	struct http *http = data;

	(void)multi;
	if (ms < 0)
		(void)uv_timer_stop(&http->timer);
	else
		(void)uv_timer_start(&http->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

int http_open(
        uv_loop_t *loop, struct kubeconfig *credentials, struct http **ret, struct sd_error *err)
{
	struct http *http;
	int r;

	r = http_curl_load(err);
	if (r < 0)
		return r;
	http = calloc(1, sizeof(*http));
	if (http)
		http->multi = http_curl.curl_multi_init();
	if (!http || !http->multi) {
		free(http);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	http->loop = loop;
	http->credentials = credentials;
	(void)uv_timer_init(loop, &http->timer);
	http->timer.data = http;
	(void)http_curl.curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)http_curl.curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	(void)http_curl.curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_wanted_time);
	(void)http_curl.curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	(void)http_curl.curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	*ret = http;
	return 0;
}

static int prepare_call(struct http_call *call, struct sd_error *err)
{
	const struct {
		CURLoption option;
		void *value;
	} own[] = {
		{ CURLOPT_PRIVATE, call },
		{ CURLOPT_WRITEDATA, call },
		{ CURLOPT_ERRORBUFFER, call->message },
	};
	int r;

	r = http_request_make(
	        call->http->credentials, &call->what, &call->easy, &call->headers, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SD_ARRAY_SIZE(own); i++)
		(void)http_curl.curl_easy_setopt(call->easy, own[i].option, own[i].value);
	(void)http_curl.curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_bytes);
	if (http_curl.curl_multi_add_handle(call->http->multi, call->easy) != CURLM_OK)
		return sd_error_set(err, ENOMEM, "libcurl cannot send a request");
	return 0;
}

int http_start(struct http *http, const struct http_what *what, struct http_call **ret,
        struct sd_error *err)
{
	struct http_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return sd_error_set(err, ENOMEM, "out of memory");
	call->http = http;
	call->what = *what;
	r = prepare_call(call, err);
	if (r < 0) {
		free_call(call);
		return r;
	}
	call->next = http->calls;
	if (call->next)
		call->next->prev = call;
	http->calls = call;
	*ret = call;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void http_close(struct http *http)
{
	if (!http || http->is_closed)
		return;
	http->is_closed = true;
	while (http->calls)
		http_cancel(http->calls);
	(void)http_curl.curl_multi_cleanup(http->multi);
	uv_close((uv_handle_t *)&http->timer, on_timer_closed);
}
