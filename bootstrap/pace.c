/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pace.h"

#define NS_PER_S 1e9
#define SMOOTH_S 5.0 /* what is longer ago hardly counts */
#define SHORTEST \
	UINT64_C(100000000) /* ns; below it a sample says more of the clock than of the disk */

void pace_add(struct pace *pace, uint64_t now, uint64_t done)
{
	double seconds, speed;

	if (!pace->begun || done < pace->done) {
		*pace = (struct pace){ .begun = true, .at = now, .done = done };
		return;
	}
	if (now < pace->at + SHORTEST)
		return;
	seconds = (double)(now - pace->at) / NS_PER_S;
	speed = (double)(done - pace->done) / seconds;
	if (pace->speed > 0)
		pace->speed += (speed - pace->speed) * seconds / (seconds + SMOOTH_S);
	else
		pace->speed = speed;
	pace->at = now;
	pace->done = done;
}

uint64_t pace_speed(const struct pace *pace)
{
	return (uint64_t)pace->speed;
}

bool pace_left(const struct pace *pace, uint64_t total, uint64_t *ret)
{
	uint64_t speed = pace_speed(pace);

	if (speed == 0 || total < pace->done)
		return false;
	*ret = (total - pace->done + speed - 1) / speed;
	return true;
}
