/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api_private.h"
#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MS 30000
#define SHORTEST_TRY_MS 1000
#define AT_ONCE_MAX 4       /* each needs a connection, with its handshake and its memory */
#define FORBIDDEN_MAX_S 300 /* a server's wish for more is taken as this */

struct api_request {
	struct api *api;
	struct api_request *prev, *next;
	enum api_method method;
	char *path, *body;
	struct api_try try;
	struct api_alarm alarm;
	uint64_t deadline; /* by the loop's clock, ms */
	unsigned attempt;
	bool is_running, is_waiting;
	bool has_new_token; /* it was tried again with it */
	api_done done;
	void *data;
};

static const struct {
	const char *verb, *method, *type;
} methods[] = {
	[API_GET] = { "get", "GET", NULL },
	[API_CREATE] = { "create", "POST", "application/json" },
	[API_CREATE_LAST] = { "create", "POST", "application/json" },
	[API_UPDATE] = { "update", "PUT", "application/json" },
	[API_PATCH] = { "patch", "PATCH", "application/merge-patch+json" },
	[API_DELETE] = { "delete", "DELETE", "application/json" },
};

static void count(struct api *api, const char *verb, int status)
{
	for (size_t i = 0; i < api->n_counters; i++) {
		if (strcmp(api->counters[i].verb, verb) == 0 && api->counters[i].status == status) {
			api->counters[i].n++;
			return;
		}
	}
	if (api->n_counters < SD_ARRAY_SIZE(api->counters))
		api->counters[api->n_counters++] = (struct api_counter){ verb, status, 1 };
}

void api_count(const struct api *api,
        void (*f)(void *data, const char *verb, int status, uint64_t n), void *data)
{
	for (size_t i = 0; i < api->n_counters; i++)
		f(data, api->counters[i].verb, api->counters[i].status, api->counters[i].n);
}

/* "Too many requests" without a time means a second, as for other clients of API servers. */
static void note_wish(struct api *api, const struct http_result *result)
{
	int64_t seconds = result->retry_after;
	uint64_t until;

	if (result->status != 429 && (result->status < 500 || seconds < 0))
		return;
	if (seconds < 0)
		seconds = 1;
	if (seconds > FORBIDDEN_MAX_S)
		seconds = FORBIDDEN_MAX_S;
	uv_update_time(api->loop);
	until = uv_now(api->loop) + (uint64_t)seconds * 1000 + api_random(0, 500);
	if (until > api->not_before)
		api->not_before = until;
}

static void on_try_done(void *data, const struct http_result *result)
{
	struct api_try *try = data;

	try->call = NULL;
	count(try->api, try->verb, result->status);
	note_wish(try->api, result);
	try->done(try->data, result);
}

int api_try_start(struct api_try *try, struct http_what *what, struct sd_error *err)
{
	/* A token that cannot be read just now may still be good: the server says if not. */
	(void)kubeconfig_refresh(&try->api->credentials, NULL);
	what->done = on_try_done;
	what->data = try;
	return http_start(try->api->http, what, &try->call, err);
}

void api_try_cancel(struct api_try *try)
{
	http_cancel(sd_steal(try->call));
}

static void unlink_request(struct api_request *request)
{
	if (request->prev)
		request->prev->next = request->next;
	else
		request->api->requests = request->next;
	if (request->next)
		request->next->prev = request->prev;
}

/* The one that waits longest. */
static struct api_request *next_waiting(const struct api *api)
{
	struct api_request *next = NULL;

	/* The list begins with the newest. */
	for (struct api_request *request = api->requests; request; request = request->next)
		if (request->is_waiting &&
		        (!next || request->method != API_CREATE_LAST ||
		                next->method == API_CREATE_LAST))
			next = request;
	return next;
}

static void set_running(struct api_request *request, bool is_running)
{
	if (request->is_running == is_running)
		return;
	request->is_running = is_running;
	request->api->n_running += is_running ? 1 : -1;
	if (!is_running)
		api_alarm_set(request->api, &request->api->start, 0);
}

static void free_request(struct api_request *request)
{
	set_running(request, false);
	api_alarm_clear(request->api, &request->alarm);
	api_try_cancel(&request->try);
	free(request->path);
	free(request->body);
	free(request);
}

void api_cancel(struct api_request *request)
{
	if (!request)
		return;
	unlink_request(request);
	free_request(request);
}

static void finish(struct api_request *request, const struct http_result *result)
{
	_cleanup_json_ sd_json *body = NULL;
	struct api_answer answer = { .status = result->status };

	if (api_result_read(result, &body, &answer.err) < 0 && answer.err.code == 0)
		answer.err.code = EAGAIN;
	answer.body = body;
	/* It is over before done is told, which may do anything but cancel it. */
	unlink_request(request);
	request->done(request->data, &answer);
	free_request(request);
}

static uint64_t left_ms(const struct api_request *request)
{
	uint64_t now = uv_now(request->api->loop);

	return request->deadline > now ? request->deadline - now : 0;
}

static bool may_repeat(const struct api_request *request, const struct http_result *result)
{
	return request->method == API_GET &&
	        (result->status == 0 || result->status == 429 || result->status >= 500);
}

/* Sets the alarm for the next try, unless the time limit comes before. */
static bool wait_for(struct api_request *request, uint64_t pause)
{
	uint64_t forbidden = api_forbidden_ms(request->api);

	if (pause < forbidden)
		pause = forbidden;
	if (pause + SHORTEST_TRY_MS > left_ms(request))
		return false;
	api_alarm_set(request->api, &request->alarm, pause);
	return true;
}

static void on_done(void *data, const struct http_result *result)
{
	struct api_request *request = data;

	set_running(request, false);
	/* Nothing was done by a request with a token that has ended. */
	if (result->status == 401 && !request->has_new_token &&
	        kubeconfig_refresh(&request->api->credentials, NULL) > 0) {
		request->has_new_token = true;
		if (wait_for(request, 0))
			return;
	}
	if (may_repeat(request, result) && wait_for(request, api_pause(request->attempt++)))
		return;
	finish(request, result);
}

static int start_try(struct api_request *request, struct sd_error *err)
{
	struct http_what what = {
		.method = methods[request->method].method,
		.path = request->path,
		.type = methods[request->method].type,
		.body = request->body,
		.limit_ms = left_ms(request),
		.text_max = API_TEXT_MAX,
	};
	int r;

	if (what.limit_ms == 0)
		return sd_error_set(err, ETIMEDOUT, "others before it took too long");
	if (api_forbidden_ms(request->api) > 0)
		return sd_error_set(err, EAGAIN, "it wants to be left alone for longer");
	r = api_try_start(&request->try, &what, err);
	if (r == 0)
		set_running(request, true);
	return r;
}

static void start_waiting(void *data)
{
	struct api *api = data;
	struct api_request *request;

	while (!api->is_closed && api->n_running < AT_ONCE_MAX && (request = next_waiting(api))) {
		struct http_result result = { .retry_after = -1, .body = "" };

		request->is_waiting = false;
		if (api_forbidden_ms(api) > 0 && wait_for(request, 0))
			continue;
		if (start_try(request, &result.err) < 0)
			finish(request, &result);
	}
}

/* All that are due are known before one of them begins. */
static void on_alarm(void *data)
{
	struct api_request *request = data;

	request->is_waiting = true;
	api_alarm_set(request->api, &request->api->start, 0);
}

/* The first try is begun by the loop, too: an error is told in one way only. */
int api_send(struct api *api, enum api_method method, const char *path, sd_json *body,
        api_done done, void *data, struct api_request **ret, struct sd_error *err)
{
	struct api_request *request = calloc(1, sizeof(*request));

	if (!request)
		return sd_error_set(err, ENOMEM, "out of memory");
	*request = (struct api_request){ .api = api, .method = method, .done = done, .data = data };
	request->try = (struct api_try){
		.api = api, .verb = methods[method].verb, .done = on_done, .data = request
	};
	request->alarm.ring = on_alarm;
	request->alarm.data = request;
	request->path = strdup(path);
	request->body = body ? sd_json_line(body) : NULL;
	if (!request->path || (body && !request->body)) {
		free_request(request);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	uv_update_time(api->loop);
	request->deadline = uv_now(api->loop) + LIMIT_MS;
	request->next = api->requests;
	if (request->next)
		request->next->prev = request;
	api->requests = request;
	api_alarm_set(api, &request->alarm, 0);
	if (ret)
		*ret = request;
	return 0;
}

int api_open(uv_loop_t *loop, const char *kubeconfig, struct api **ret, struct sd_error *err)
{
	struct api *api = calloc(1, sizeof(*api));
	int r;

	if (!api)
		return sd_error_set(err, ENOMEM, "out of memory");
	api->loop = loop;
	api->patience = (struct api_patience){ 300, 600, 30 };
	r = kubeconfig ? kubeconfig_read(kubeconfig, &api->credentials, err)
	               : kubeconfig_of_pod(&api->credentials, err);
	if (r == 0)
		r = http_open(loop, &api->credentials, &api->http, err);
	if (r < 0) {
		kubeconfig_free(&api->credentials);
		free(api);
		return r;
	}
	api_alarm_init(api);
	api->start.ring = start_waiting;
	api->start.data = api;
	*ret = api;
	return 0;
}

static void on_closed(uv_handle_t *timer)
{
	free(timer->data);
}

void api_close(struct api *api)
{
	if (!api || api->is_closed)
		return;
	while (api->requests)
		api_cancel(api->requests);
	while (api->watches)
		api_watch_stop(api->watches);
	api->is_closed = true;
	(void)uv_timer_stop(&api->timer);
	http_close(api->http);
	kubeconfig_free(&api->credentials);
	uv_close((uv_handle_t *)&api->timer, on_closed);
}
