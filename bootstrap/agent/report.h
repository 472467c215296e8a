/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Events on the Node and on PersistentVolumes, in plain words. The agent may only create them, so the
 * same thing is said once, not counted; and never more than a few in a while. Each is in the log too.
 */

#include "api.h"
#include "error.h"
#include "pvs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum severity { EVENT_NORMAL, EVENT_WARNING };

struct report {
	struct api *api;
	const char *node; /* the Node's name */
	double tokens;    /* events that may be sent now */
	uint64_t filled;  /* when they were counted, ms */
	uint64_t n_sent, n_dropped;
};

void report_init(struct report *report, struct api *api, const char *node);

/* Something has happened, once. pv NULL: on the Node. */
void report_event(struct report *report, const struct pv_view *pv, enum severity severity,
        const char *reason, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/*
 * What is the case for a while, as a reconcile finds it again each time: an event is sent when it is
 * found for the first time, or in other words, and it is forgotten when it is not found any more.
 */
struct conditions {
	uint64_t *known; /* digests of object, reason and text */
	bool *is_found;
	size_t n;
};

void conditions_begin(struct conditions *conditions);
void conditions_find(struct conditions *conditions, struct report *report, const struct pv_view *pv,
        enum severity severity, const char *reason, const char *fmt, ...)
        __attribute__((format(printf, 6, 7)));
void conditions_end(struct conditions *conditions);
/* Instead of that, when not everything was looked at: what was not found is not forgotten. */
void conditions_keep(struct conditions *conditions);
void conditions_clear(struct conditions *conditions);
