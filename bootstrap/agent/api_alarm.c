/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api_private.h"

#include <sys/random.h>

#define PAUSE_MIN_MS 20
#define PAUSE_FIRST_MS 1000
#define PAUSE_MAX_MS 30000

static void on_timer(uv_timer_t *timer);

/* The timer is for the one that is due first. There are few. */
static void set_timer(struct api *api)
{
	uint64_t now = uv_now(api->loop), due = UINT64_MAX;

	for (const struct api_alarm *alarm = api->alarms; alarm; alarm = alarm->next)
		if (alarm->due < due)
			due = alarm->due;
	if (due == UINT64_MAX)
		(void)uv_timer_stop(&api->timer);
	else
		(void)uv_timer_start(&api->timer, on_timer, due > now ? due - now : 0, 0);
}

void api_alarm_clear(struct api *api, struct api_alarm *alarm)
{
	if (!alarm->is_set)
		return;
	if (alarm->prev)
		alarm->prev->next = alarm->next;
	else
		api->alarms = alarm->next;
	if (alarm->next)
		alarm->next->prev = alarm->prev;
	alarm->is_set = false;
	if (!api->is_closed)
		set_timer(api);
}

void api_alarm_set(struct api *api, struct api_alarm *alarm, uint64_t after_ms)
{
	api_alarm_clear(api, alarm);
	uv_update_time(api->loop);
	alarm->due = uv_now(api->loop) + after_ms;
	alarm->prev = NULL;
	alarm->next = api->alarms;
	if (alarm->next)
		alarm->next->prev = alarm;
	api->alarms = alarm;
	alarm->is_set = true;
	set_timer(api);
}

/* The one that is due first; of those that are due at once, the one that was set first. */
static struct api_alarm *due_alarm(const struct api *api)
{
	struct api_alarm *first = NULL;

	for (struct api_alarm *alarm = api->alarms; alarm; alarm = alarm->next)
		if (alarm->due <= uv_now(api->loop) && (!first || alarm->due <= first->due))
			first = alarm;
	return first;
}

/* What an alarm does may set and clear others, and close it all. */
static void on_timer(uv_timer_t *timer)
{
	struct api *api = timer->data;
	struct api_alarm *alarm;

	while (!api->is_closed && (alarm = due_alarm(api))) {
		api_alarm_clear(api, alarm);
		alarm->ring(alarm->data);
	}
	if (!api->is_closed)
		set_timer(api);
}

void api_alarm_init(struct api *api)
{
	(void)uv_timer_init(api->loop, &api->timer);
	api->timer.data = api;
}

uint64_t api_random(uint64_t low, uint64_t high)
{
	uint64_t bits = 0;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
		bits = uv_hrtime();
	return low + bits % (high - low);
}

uint64_t api_pause(unsigned attempt)
{
	uint64_t most = PAUSE_MAX_MS;

	if (attempt < 5)
		most = (uint64_t)PAUSE_FIRST_MS << attempt;
	return api_random(PAUSE_MIN_MS, most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS);
}

uint64_t api_forbidden_ms(const struct api *api)
{
	uint64_t now = uv_now(api->loop);

	return api->not_before > now ? api->not_before - now : 0;
}
