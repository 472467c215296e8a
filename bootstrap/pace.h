/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How fast work goes, smoothed over some seconds, and how long it will take. Knows no clock. */

#include <stdbool.h>
#include <stdint.h>

struct pace {
	bool begun;
	uint64_t at, done; /* the last sample: ns, bytes */
	double speed;      /* bytes a second; 0: not known yet */
};

/*
 * Takes the amount that is done at a time (ns of a monotonic clock). The first one only says where the
 * work begins, which need not be 0; one below the last begins anew.
 */
void pace_add(struct pace *pace, uint64_t now, uint64_t done);

/* Bytes a second; 0: not known yet. */
uint64_t pace_speed(const struct pace *pace);

/* Whether the time can be told; then *ret is in seconds, rounded up. */
bool pace_left(const struct pace *pace, uint64_t total, uint64_t *ret);
