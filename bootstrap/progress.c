/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"
#include "batch.h"
#include "cleanup.h"
#include "pace.h"
#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define TELL_EVERY NS_PER_S /* JSON, a disk */
#define LONGEST_LINE 256
#define STEP_WIDTH 10 /* of most steps that take long */
#define PACE_WIDTH 26 /* of speed and time */
#define SHORTEST_BAR 10
#define LONGEST_BAR 30

struct row {
	const struct sd_disk *disk;
	bool begun, ended;
	char step[PROGRESS_STEP];
	uint64_t done, total;
	struct pace pace;
	uint64_t told; /* ns, the last event of JSON */
};

struct progress {
	const struct tool *tool;
	bool terminal;
	bool changed;   /* since it was drawn */
	size_t drawn;   /* lines that are on the terminal; the cursor is at the end of the last */
	int name_width; /* of the longest name */
	size_t n;
	struct row rows[];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The few control sequences that are needed here are the same on all terminals that have any. */
static bool can_rewrite(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

int progress_new(const struct tool *tool, const struct sd_disk *disks, size_t n,
        struct progress **ret, struct sd_error *err)
{
	struct progress *progress = calloc(1, sizeof(*progress) + n * sizeof(progress->rows[0]));

	if (!progress)
		return sd_error_set(err, ENOMEM, "out of memory");
	progress->tool = tool;
	progress->terminal = !tool->json && can_rewrite();
	progress->n = n;
	for (size_t i = 0; i < n; i++) {
		int width = (int)strlen(disks[i].name);

		progress->rows[i].disk = &disks[i];
		if (width > progress->name_width)
			progress->name_width = width;
	}
	*ret = progress;
	return 0;
}

void progress_free(struct progress **progress)
{
	if (*progress)
		progress_hide(*progress);
	free(*progress);
	*progress = NULL;
}

static void tell_json(const struct row *row, const char *event)
{
	sd_json *json = batch_event(event, row->disk);
	uint64_t left;

	if (!json)
		return;
	(void)sd_json_set_string(json, "step", row->step);
	if (row->total) {
		(void)sd_json_set_int(json, "done", (int64_t)row->done);
		(void)sd_json_set_int(json, "total", (int64_t)row->total);
		if (pace_left(&row->pace, row->total, &left)) {
			(void)sd_json_set_int(
			        json, "bytesPerSecond", (int64_t)pace_speed(&row->pace));
			(void)sd_json_set_int(json, "secondsLeft", (int64_t)left);
		}
	}
	(void)tool_print_json(json, false, NULL);
}

static void on_step(const struct progress *progress, struct row *row, const char *step)
{
	(void)snprintf(row->step, sizeof(row->step), "%s", step);
	row->done = row->total = 0;
	row->pace = (struct pace){ 0 };
	row->told = 0;
	row->begun = true;
	if (progress->tool->json)
		tell_json(row, "step");
	else if (!progress->terminal)
		fprintf(stderr, "%s: %s\n", row->disk->name, step);
}

void progress_tell(
        struct progress *progress, size_t i, const char *step, uint64_t done, uint64_t total)
{
	struct row *row = &progress->rows[i];
	uint64_t now = now_ns();

	progress->changed = true;
	if (!row->begun || strcmp(row->step, step) != 0)
		on_step(progress, row, step);
	if (total == 0)
		return;
	pace_add(&row->pace, now, done);
	row->done = done < total ? done : total;
	row->total = total;
	/* The last one is told always. */
	if (progress->tool->json && (done >= total || now - row->told >= TELL_EVERY)) {
		row->told = now;
		tell_json(row, "progress");
	}
}

void progress_end(struct progress *progress, size_t i)
{
	progress->rows[i].ended = true;
	progress->changed = true;
}

/* To the beginning of the first line drawn, and clears from there on. */
static void erase_lines(struct progress *progress, FILE *f)
{
	if (progress->drawn > 1)
		fprintf(f, "\033[%zuA", progress->drawn - 1);
	if (progress->drawn)
		fputs("\r\033[J", f);
	progress->drawn = 0;
}

void progress_hide(struct progress *progress)
{
	if (!progress->drawn)
		return;
	erase_lines(progress, stderr);
	progress->changed = true;
}

/* "  [######------]", or nothing where there is no room for a bar that says anything. */
static void make_bar(char *buf, int room, double part)
{
	int width = room - 4 < LONGEST_BAR ? room - 4 : LONGEST_BAR;
	int full = (int)(part * width);

	buf[0] = '\0';
	if (width < SHORTEST_BAR)
		return;
	memcpy(buf, "  [", 3);
	memset(buf + 3, '#', (size_t)full);
	memset(buf + 3 + full, '-', (size_t)(width - full));
	memcpy(buf + 3 + width, "]", 2);
}

/* "nvme0n1  overwrite      42%    18.6M/s    0:03:07 left  [######------]" */
static void make_line(const struct progress *progress, const struct row *row, int width, char *line)
{
	char speed[TABLE_SIZE_TEXT], pace[64] = "", bar[LONGEST_BAR + 8];
	double part;
	uint64_t left;
	int used;

	used = snprintf(line, LONGEST_LINE, "%-*s  %-*s", progress->name_width, row->disk->name,
	        row->total ? STEP_WIDTH : 0, row->step);
	if (!row->total || used >= LONGEST_LINE)
		return;
	part = (double)row->done / (double)row->total;
	if (pace_left(&row->pace, row->total, &left))
		(void)snprintf(pace, sizeof(pace),
		        "%8s/s  %3" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left",
		        table_size(speed, pace_speed(&row->pace), false), left / 3600,
		        left / 60 % 60, left % 60);
	make_bar(bar, width - used - 6 - PACE_WIDTH, part);
	(void)snprintf(line + used, (size_t)(LONGEST_LINE - used), "  %3u%%%-*s%s",
	        (unsigned)(part * 100), bar[0] ? PACE_WIDTH : 0, pace, bar);
}

static void terminal_size(int *ret_width, size_t *ret_height)
{
	struct winsize size = { 0 };

	(void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	/* One less: what is written into the last column may begin a new line. */
	*ret_width = size.ws_col ? size.ws_col - 1 : 79;
	*ret_height = size.ws_row ? size.ws_row - 1 : 23;
}

/* The first ones a line each, as many as fit, and one line for how many more there are. */
static void draw(struct progress *progress, FILE *f)
{
	size_t height, working = 0, waiting = 0, shown = 0, room;
	char line[LONGEST_LINE];
	int width;

	terminal_size(&width, &height);
	for (size_t i = 0; i < progress->n; i++) {
		const struct row *row = &progress->rows[i];

		working += row->begun && !row->ended;
		waiting += !row->begun && !row->ended;
	}
	room = working + (waiting > 0) <= height ? working : height > 1 ? height - 1 : 0;
	for (size_t i = 0; i < progress->n && shown < room; i++) {
		const struct row *row = &progress->rows[i];

		if (!row->begun || row->ended)
			continue;
		make_line(progress, row, width, line);
		fprintf(f, "%s%.*s", shown++ ? "\n" : "", width, line);
	}
	progress->drawn = shown;
	if (shown < working && waiting)
		(void)snprintf(
		        line, sizeof(line), "and %zu more, %zu waiting", working - shown, waiting);
	else if (shown < working)
		(void)snprintf(line, sizeof(line), "and %zu more", working - shown);
	else if (waiting)
		(void)snprintf(line, sizeof(line), "%zu waiting", waiting);
	else
		return;
	fprintf(f, "%s%.*s", shown ? "\n" : "", width, line);
	progress->drawn++;
}

void progress_draw(struct progress *progress)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f;

	if (!progress->terminal || !progress->changed)
		return;
	f = open_memstream(&text, &size); /* so that the terminal gets it in one piece */
	if (!f)
		return;
	(void)fflush(stdout);
	erase_lines(progress, f);
	draw(progress, f);
	if (fclose(f) == 0)
		fputs(text, stderr);
	progress->changed = false;
}

bool progress_is_drawn(const struct progress *progress)
{
	return progress->terminal;
}
