/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define SHOW_EVERY (NS_PER_S / 5)
#define TELL_EVERY NS_PER_S /* JSON */

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Rewrites the terminal's line; what was longer before is covered with spaces. */
static void show(struct progress *progress, const char *text)
{
	unsigned width = (unsigned)strlen(text);

	fprintf(stderr, "\r%s%*s", text,
	        progress->width > width ? (int)(progress->width - width) : 0, "");
	(void)fflush(stderr);
	progress->width = width;
}

static void tell(const struct progress *progress, const char *event, uint64_t done, uint64_t total)
{
	sd_json *json = sd_json_object();

	if (!json)
		return;
	(void)sd_json_set_string(json, "event", event);
	(void)sd_json_set_string(json, "disk", progress->disk);
	(void)sd_json_set_string(json, "step", progress->step);
	if (total) {
		(void)sd_json_set_int(json, "done", (int64_t)done);
		(void)sd_json_set_int(json, "total", (int64_t)total);
	}
	(void)tool_print_json(json, false, NULL);
}

static void on_step(void *data, const char *step)
{
	struct progress *progress = data;
	char line[160];

	(void)snprintf(progress->step, sizeof(progress->step), "%s", step);
	progress->began = now_ns();
	progress->shown = 0;
	if (progress->tool->json) {
		tell(progress, "step", 0, 0);
	} else if (progress->terminal) {
		(void)snprintf(line, sizeof(line), "%s: %s", progress->disk, step);
		show(progress, line);
	}
}

static void describe(const struct progress *progress, uint64_t done, uint64_t total, uint64_t now,
        char *line, size_t size)
{
	double seconds = (double)(now - progress->began) / (double)NS_PER_S;
	uint64_t speed = seconds > 0 ? (uint64_t)((double)done / seconds) : 0;
	uint64_t left = speed ? (total - done) / speed : 0;
	char speed_text[TABLE_SIZE_TEXT];

	(void)snprintf(line, size,
	        "%s: %s %3u%%  %s/s  %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", progress->disk,
	        progress->step, total ? (unsigned)((double)done * 100 / (double)total) : 0,
	        table_size(speed_text, speed, false), left / 3600, left / 60 % 60, left % 60);
}

static void on_amount(void *data, uint64_t done, uint64_t total)
{
	struct progress *progress = data;
	uint64_t now = now_ns();
	char line[160];

	/* The last one is told always. */
	if (done < total &&
	        now - progress->shown < (progress->tool->json ? TELL_EVERY : SHOW_EVERY))
		return;
	progress->shown = now;
	if (progress->tool->json) {
		tell(progress, "progress", done, total);
	} else if (progress->terminal) {
		describe(progress, done, total, now, line, sizeof(line));
		show(progress, line);
	}
}

struct events progress_begin(struct progress *progress, const struct tool *tool, const char *disk)
{
	*progress = (struct progress){
		.tool = tool,
		.disk = disk,
		.terminal = isatty(STDERR_FILENO),
	};
	return (struct events){ .step = on_step, .amount = on_amount, .data = progress };
}

void progress_end(struct progress *progress)
{
	if (progress->width)
		show(progress, "");
	if (progress->width == 0 && progress->terminal && !progress->tool->json)
		fputc('\r', stderr);
}
