/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For api*.c and watch*.c alone. */

#include "api.h"
#include "http.h"
#include "kubeconfig.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define API_TEXT_MAX (16u << 20) /* of a whole answer */

/* Something to do later; one timer serves them all. Lives in what it belongs to. */
struct api_alarm {
	struct api_alarm *prev, *next;
	uint64_t due; /* by the loop's clock, ms */
	void (*ring)(void *data);
	void *data;
	bool is_set;
};

struct api_counter {
	const char *verb;
	int status;
	uint64_t n;
};

/*
 * How long a watch may be silent. As other clients of API servers it asks for an end after some minutes, each
 * at another moment; a stream that is not ended by then, and the grace, is dead. Tests have less of it.
 */
struct api_patience {
	uint64_t watch_min_s, watch_max_s, watch_grace_s;
};

struct api {
	uv_loop_t *loop;
	struct http *http;
	struct kubeconfig credentials;
	uv_timer_t timer;
	struct api_alarm *alarms;
	struct api_request *requests; /* the newest first */
	unsigned n_running;           /* of them */
	struct api_alarm start;       /* of those that wait */
	struct api_watch *watches;
	uint64_t not_before; /* the server wants to be left alone until then */
	struct api_counter counters[64];
	size_t n_counters;
	struct api_patience patience;
	bool is_closed;
};

/* One try of one request; lives in what it belongs to. */
struct api_try {
	struct api *api;
	const char *verb;       /* as metrics and RBAC name it: get, list, watch... */
	struct http_call *call; /* NULL: none is under way */
	void (*done)(void *data, const struct http_result *result);
	void *data;
};

/*
 * Sends it with the newest token. what's done and data are overwritten with the try's, which is counted
 * before its done is called; a wish of the server to be left alone is noted.
 */
int api_try_start(struct api_try *try, struct http_what *what, struct sd_error *err);
void api_try_cancel(struct api_try *try);

void api_alarm_set(struct api *api, struct api_alarm *alarm, uint64_t after_ms);
void api_alarm_clear(struct api *api, struct api_alarm *alarm);
void api_alarm_init(struct api *api);
/* How long until the server may be asked again, ms. */
uint64_t api_forbidden_ms(const struct api *api);

/*
 * A pause before the next try, in ms: anything up to a second at first, twice that after every attempt,
 * up to half a minute. So a thousand nodes whose server comes back do not ask it all at once.
 */
uint64_t api_pause(unsigned attempt);
/* At least low, less than high. */
uint64_t api_random(uint64_t low, uint64_t high);

/*
 * What a result means: 0, or as in struct api_answer. *ret_body: the caller's (sd_json_free); NULL if there
 * is none. An answer of success that is not JSON is -EAGAIN.
 */
int api_result_read(const struct http_result *result, sd_json **ret_body, struct sd_error *err);
/* The same of a Status object. code: of HTTP. */
int api_status_error(int code, const sd_json *status, struct sd_error *err);
