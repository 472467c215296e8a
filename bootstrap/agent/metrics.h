/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The agent's numbers, in the text format that Prometheus reads. Whoever knows a number sets it; which
 * there are, with their labels, is a table in metrics.c.
 */

#include "api.h"
#include "error.h"

#include <stddef.h>

enum metric {
	METRIC_DISKS,             /* gauge: state, pool ("": of no pool) */
	METRIC_CAPACITY,          /* gauge: pool; bytes of its volumes */
	METRIC_ERASE_PROGRESS,    /* gauge: volume; 0 to 1 */
	METRIC_ERASE_SECONDS,     /* histogram */
	METRIC_PREPARE_FAILURES,  /* counter: pool */
	METRIC_ERASE_FAILURES,    /* counter: pool */
	METRIC_RECONCILE_SECONDS, /* histogram */
	METRIC_CONFIG_OK,         /* gauge: 1, or 0: the newest configuration was refused */
	METRIC_LAST_SCAN,         /* gauge: when all disks were looked at, seconds since 1970 */
	METRIC_DIRECTORY_ENTRIES, /* gauge: directory, state */
	METRIC_DIRECTORY_CHANGES, /* counter: what was done */
	N_METRICS
};

struct metrics;

struct metrics *metrics_new(void); /* NULL without memory */
void metrics_free(struct metrics *metrics);

/*
 * a and b are the values of the metric's labels, in the order of the list above, "" where there are fewer.
 * A metric without labels is there from the beginning, as 0; others are with their first value.
 */
void metrics_set(
        struct metrics *metrics, enum metric metric, const char *a, const char *b, double value);
void metrics_add(
        struct metrics *metrics, enum metric metric, const char *a, const char *b, double value);
/* Seconds since a metric without labels was set last, or since the beginning. */
double metrics_age(const struct metrics *metrics, enum metric metric);
/* A time that was measured, into a histogram. */
void metrics_observe(struct metrics *metrics, enum metric metric, double seconds);
/* Forgets all values of a gauge with labels, before they are set anew. */
void metrics_clear(struct metrics *metrics, enum metric metric);

/* All of them, and the requests of api (NULL: none). The caller's (free()); NULL without memory. */
char *metrics_text(const struct metrics *metrics, const struct api *api);
