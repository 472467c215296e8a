/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api_private.h"
#include "cleanup.h"
#include "watch_lines.h"
#include "watch_url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500
#define LIST_LIMIT_MS 60000
#define LIVED_MS 5000         /* a stream that lasted this long was no failure */
#define ANSWER_MAX (64 << 10) /* of a refused watch */

struct api_watch {
	struct api *api;
	struct api_watch *prev, *next;
	char *path, *selector; /* selector: encoded for a URL; NULL: none */
	struct api_listener listener;
	struct api_try try;
	struct api_alarm alarm;
	char *version;  /* go on from here; NULL: everything has to be listed */
	char *last;     /* not older than this, then; "0": any; NULL: the newest */
	char *more;     /* the list's next page; NULL: the first */
	sd_json *items; /* of the pages so far */
	struct watch_lines lines;
	uint64_t begun; /* the stream, by the loop's clock */
	unsigned attempt;
	bool is_bad;     /* the stream said what no stream should */
	bool is_failing; /* and the listener knows */
	bool *gone;      /* set when it is stopped by what we called */
};

static void go_on(void *data);

/* Calls a function of the listener's. Returns whether the watch is still there. */
#define TELL(watch, call)                     \
	({                                    \
		bool gone_ = false;           \
		(watch)->gone = &gone_;       \
		call;                         \
		if (!gone_)                   \
			(watch)->gone = NULL; \
		!gone_;                       \
	})

static bool tell_works(struct api_watch *watch)
{
	if (!watch->is_failing)
		return true;
	watch->is_failing = false;
	/* cppcheck-suppress autoVariables ; TELL takes it out again */
	return TELL(watch, watch->listener.failing(watch->listener.data, NULL));
}

static void forget_list(struct api_watch *watch)
{
	sd_json_free(sd_steal(watch->items));
	free(sd_steal(watch->more));
}

static void try_later(struct api_watch *watch)
{
	uint64_t pause = api_pause(watch->attempt++), forbidden = api_forbidden_ms(watch->api);

	api_alarm_set(watch->api, &watch->alarm, pause > forbidden ? pause : forbidden);
}

/* err: why. The watch may be gone afterwards. */
static void fail(struct api_watch *watch, const struct sd_error *err)
{
	forget_list(watch);
	try_later(watch);
	if (watch->is_failing)
		return;
	watch->is_failing = true;
	watch->listener.failing(watch->listener.data, err);
}

static void list_anew(struct api_watch *watch)
{
	if (!watch->version)
		return;
	free(watch->last);
	watch->last = sd_steal(watch->version);
}

/* The version is opaque; a missing one means that this is no API server. */
static int take_version(struct api_watch *watch, const sd_json *object, struct sd_error *err)
{
	const char *version =
	        sd_json_as_string(sd_json_get(sd_json_get(object, "metadata"), "resourceVersion"));
	char *copy = version && *version ? strdup(version) : NULL;

	if (!copy)
		return sd_error_set(err, EPROTO, "the API server sent an object without a version");
	free(watch->version);
	watch->version = copy;
	return 0;
}

/* ---- the list ---- */

static int add_items(struct api_watch *watch, const sd_json *list, struct sd_error *err)
{
	const sd_json *items = sd_json_get(list, "items");

	/* An empty list's items may be null. */
	for (size_t i = 0; i < sd_json_size(items); i++)
		if (sd_json_append(watch->items, sd_json_again(sd_json_at(items, i))) < 0)
			return sd_error_set(err, ENOMEM, "out of memory");
	return 0;
}

static int take_page(struct api_watch *watch, const sd_json *list, struct sd_error *err)
{
	const char *more =
	        sd_json_as_string(sd_json_get(sd_json_get(list, "metadata"), "continue"));
	int r;

	r = add_items(watch, list, err);
	free(sd_steal(watch->more));
	if (r < 0)
		return r;
	if (!more || !*more)
		return take_version(watch, list, err);
	watch->more = http_escape(more);
	return watch->more ? 0 : sd_error_set(err, ENOMEM, "out of memory");
}

static void on_list_done(void *data, const struct http_result *result)
{
	_cleanup_json_ sd_json *list = NULL, *items = NULL;
	struct api_watch *watch = data;
	struct sd_error err = SD_ERROR_INIT;

	if (result->status == 410 && watch->more && watch->attempt == 0) {
		/* The pages took too long. */
		forget_list(watch);
		try_later(watch);
		return;
	}
	/* It has forgotten that version, too, or has not come to it: etcd is an older copy, perhaps. */
	if (result->status == 400 || result->status == 410 || result->status == 504)
		free(sd_steal(watch->last));
	if (api_result_read(result, &list, &err) < 0 || take_page(watch, list, &err) < 0) {
		fail(watch, &err);
		return;
	}
	if (watch->more) {
		go_on(watch);
		return;
	}
	items = sd_steal(watch->items);
	/* What the list was made from is not needed while others work with it. */
	sd_json_free(sd_steal(list));
	if (tell_works(watch) && TELL(watch, watch->listener.listed(watch->listener.data, items)))
		go_on(watch);
}

/*
 * A list of the newest makes the server read all nodes' objects from etcd, to send this one's. So the first
 * one may be as old as the server's cache, as what a watch tells may be; and a later one is no older than what
 * is known already, which the cache has too, if no limit is set (1.20, apiserver/pkg/storage/cacher).
 */
static char *list_parameters(const struct api_watch *watch)
{
	_cleanup_free_ char *last = NULL;
	char *parameters;
	int r;

	if (watch->more) {
		r = asprintf(&parameters, "limit=%d&continue=%s", PAGE, watch->more);
	} else if (watch->last) {
		last = http_escape(watch->last);
		r = last ? asprintf(&parameters, "resourceVersion=%s", last) : -1;
	} else {
		r = asprintf(&parameters, "limit=%d", PAGE);
	}
	return r < 0 ? NULL : parameters;
}

static int start_list(struct api_watch *watch, struct sd_error *err)
{
	_cleanup_free_ char *first = NULL, *path = NULL;
	struct http_what what = {
		.method = "GET", .limit_ms = LIST_LIMIT_MS, .text_max = API_TEXT_MAX
	};

	if (!watch->items)
		watch->items = sd_json_array();
	first = list_parameters(watch);
	if (!watch->items || !first)
		return sd_error_set(err, ENOMEM, "out of memory");
	path = watch_url(watch->path, first, watch->selector);
	if (!path)
		return sd_error_set(err, ENOMEM, "out of memory");
	what.path = path;
	watch->try.verb = "list";
	watch->try.done = on_list_done;
	return api_try_start(&watch->try, &what, err);
}

/* ---- the stream ---- */

/* An error within the stream. What is not 410 need not be about our version, but a list mends all. */
static int take_error(const sd_json *status, struct sd_error *err)
{
	int64_t code = 0;

	(void)sd_json_as_int(sd_json_get(status, "code"), &code);
	if (code == 410)
		return sd_error_set(err, ESTALE, "the API server has forgotten what came since");
	return api_status_error((int)code, status, err);
}

/* Returns 1 if the watch is gone. */
static int take_line(struct api_watch *watch, const char *line, size_t len, struct sd_error *err)
{
	static const char *const names[] = {
		[API_ADDED] = "ADDED", [API_MODIFIED] = "MODIFIED", [API_DELETED] = "DELETED"
	};
	_cleanup_json_ sd_json *event = NULL;
	const char *type;
	sd_json *object;
	int r;

	r = sd_json_parse(line, len, &event, err);
	if (r < 0)
		return sd_error_wrap(err, "a line of the watch cannot be read");
	type = sd_json_as_string(sd_json_get(event, "type"));
	object = sd_json_get(event, "object");
	if (!type || !sd_json_is_object(object))
		return sd_error_set(err, EPROTO, "a line of the watch is no event");
	if (strcmp(type, "ERROR") == 0)
		return take_error(object, err);
	r = take_version(watch, object, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SD_ARRAY_SIZE(names); i++) {
		if (strcmp(type, names[i]) == 0)
			/* cppcheck-suppress autoVariables ; TELL takes it out again */
			return !TELL(watch,
			        watch->listener.changed(
			                watch->listener.data, (enum api_change)i, object));
	}
	return 0; /* a bookmark */
}

static int on_stream(void *data, const char *bytes, size_t n, struct sd_error *err)
{
	struct api_watch *watch = data;
	const char *line;
	size_t len;
	int r;

	if (watch->begun == 0) {
		watch->begun = uv_now(watch->api->loop);
		if (!tell_works(watch))
			return 0;
	}
	r = watch_lines_add(&watch->lines, bytes, n, err);
	while (r == 0 && (r = watch_lines_next(&watch->lines, &line, &len, err)) > 0) {
		r = len > 0 ? take_line(watch, line, len, err) : 0;
		if (r > 0)
			return 0;
	}
	/* What cannot be understood is not waited for: a list tells it whole. */
	if (r < 0)
		list_anew(watch);
	watch->is_bad = r < 0 && r != -ESTALE;
	return r;
}

static bool is_about_version(int status)
{
	return status == 410 || status == 400;
}

static void on_stream_done(void *data, const struct http_result *result)
{
	_cleanup_json_ sd_json *body = NULL;
	struct api_watch *watch = data;
	struct sd_error err = SD_ERROR_INIT;
	uint64_t lived = watch->begun ? uv_now(watch->api->loop) - watch->begun : 0;

	watch_lines_reset(&watch->lines);
	if (lived >= LIVED_MS)
		watch->attempt = 0;
	if (is_about_version(result->status))
		list_anew(watch);
	/* A stream that was there and ended, or was cut, is what streams do; so is a version too old. */
	if ((result->has_begun && !watch->is_bad) ||
	        (result->status == 410 && watch->attempt == 0)) {
		try_later(watch);
		return;
	}
	(void)api_result_read(result, &body, &err);
	fail(watch, &err);
}

static int start_stream(struct api_watch *watch, struct sd_error *err)
{
	const struct api_patience *patience = &watch->api->patience;
	uint64_t seconds = api_random(patience->watch_min_s, patience->watch_max_s);
	_cleanup_free_ char *first = NULL, *path = NULL, *version = http_escape(watch->version);
	struct http_what what = { .method = "GET",
		.limit_ms = (seconds + patience->watch_grace_s) * 1000,
		.text_max = ANSWER_MAX,
		.stream = on_stream,
		.stream_data = watch };

	if (!version ||
	        asprintf(&first,
	                "watch=1&allowWatchBookmarks=true&resourceVersion=%s"
	                "&timeoutSeconds=%llu",
	                version, (unsigned long long)seconds) < 0) {
		first = NULL;
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	path = watch_url(watch->path, first, watch->selector);
	if (!path)
		return sd_error_set(err, ENOMEM, "out of memory");
	what.path = path;
	watch->begun = 0;
	watch->is_bad = false;
	watch->try.verb = "watch";
	watch->try.done = on_stream_done;
	return api_try_start(&watch->try, &what, err);
}

static void go_on(void *data)
{
	struct api_watch *watch = data;
	struct sd_error err = SD_ERROR_INIT;
	uint64_t forbidden = api_forbidden_ms(watch->api);
	int r;

	if (forbidden > 0) {
		api_alarm_set(watch->api, &watch->alarm, forbidden);
		return;
	}
	r = watch->version ? start_stream(watch, &err) : start_list(watch, &err);
	if (r < 0)
		fail(watch, &err);
}

int api_watch_start(struct api *api, const char *path, const char *selector,
        const struct api_listener *listener, struct api_watch **ret, struct sd_error *err)
{
	struct api_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return sd_error_set(err, ENOMEM, "out of memory");
	watch->api = api;
	watch->listener = *listener;
	watch->try = (struct api_try){ .api = api, .data = watch };
	watch->alarm = (struct api_alarm){ .ring = go_on, .data = watch };
	watch->path = strdup(path);
	watch->selector = selector ? http_escape(selector) : NULL;
	watch->last = strdup("0");
	watch->next = api->watches;
	if (watch->next)
		watch->next->prev = watch;
	api->watches = watch;
	if (!watch->path || (selector && !watch->selector)) {
		api_watch_stop(watch);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	api_alarm_set(api, &watch->alarm, 0);
	*ret = watch;
	return 0;
}

void api_watch_stop(struct api_watch *watch)
{
	if (!watch)
		return;
	if (watch->gone)
		*watch->gone = true;
	if (watch->prev)
		watch->prev->next = watch->next;
	else
		watch->api->watches = watch->next;
	if (watch->next)
		watch->next->prev = watch->prev;
	api_alarm_clear(watch->api, &watch->alarm);
	api_try_cancel(&watch->try);
	forget_list(watch);
	watch_lines_reset(&watch->lines);
	free(watch->version);
	free(watch->last);
	free(watch->path);
	free(watch->selector);
	free(watch);
}
