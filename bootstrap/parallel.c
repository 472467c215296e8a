/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "parallel.h"
#include "ask.h"
#include "content.h"
#include "jobs.h"
#include "progress.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
	const struct parallel *parallel;
	const struct batch *batch;
	struct progress *progress;
	int code;
};

bool parallel_option(struct parallel_arguments *arguments, int c, const char *value)
{
	switch (c) {
	case 'y':
		arguments->yes = true;
		return true;
	case 'j':
		arguments->jobs = value;
		return true;
	default:
		return false;
	}
}

static int parse_jobs(
        const struct command *self, const char *text, size_t *ret, struct sd_error *err)
{
	unsigned long number;
	char *end;

	*ret = SIZE_MAX;
	if (!text)
		return TOOL_OK;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *text < '1' || *text > '9' || *end)
		return command_usage(self, err, "--jobs takes a number from 1 on");
	*ret = number;
	return TOOL_OK;
}

static void report_failed(
        struct run *run, const struct sd_disk *disk, int code, const struct sd_error *err)
{
	const struct tool *tool = run->parallel->tool;
	sd_json *json;

	run->code = run->batch->n == 1 ? code : TOOL_FAILED;
	if (!tool->json) {
		tool_error(tool, disk->name, code, err);
		return;
	}
	json = batch_event("failed", disk);
	if (!json)
		return;
	(void)sd_json_set_int(json, "exit", code);
	(void)sd_json_set_string(json, "error", err->text);
	(void)tool_print_json(json, false, NULL);
}

static void on_news(void *data, size_t i, const struct job_message *news)
{
	const struct run *run = data;

	progress_tell(run->progress, i, news->step, news->done, news->total);
}

static void report_result(struct run *run, size_t i, struct job_message *result)
{
	const struct parallel *parallel = run->parallel;
	const struct sd_disk *disk = &run->batch->disks[i];
	const struct outcome *outcome = &result->outcome;
	struct sd_error *err = &result->err;

	if (err->code == 0) {
		if (parallel->report(parallel->work.data, disk, i, outcome, err) < 0)
			report_failed(run, disk, TOOL_FAILED, err);
		return;
	}
	if (outcome->touched && !content_is_medium_error(err->code) && err->code != EOPNOTSUPP)
		sd_error_set(err, err->code, "%s; the same command goes on from here", err->text);
	report_failed(run, disk, outcome->touched ? TOOL_FAILED : tool_exit_code(err), err);
}

static void on_end(void *data, size_t i, struct job_message *result)
{
	struct run *run = data;

	progress_end(run->progress, i);
	progress_hide(run->progress);
	report_result(run, i, result);
	progress_draw(run->progress);
}

static void on_stopping(void *data)
{
	const struct run *run = data;

	if (run->parallel->tool->json)
		return;
	progress_hide(run->progress);
	fprintf(stderr,
	        "solodisk: stopping, as soon as each disk can go on from there later; "
	        "once more kills\n");
}

static void on_tick(void *data)
{
	const struct run *run = data;

	progress_draw(run->progress);
}

int parallel_work(const struct command *self, const struct parallel *parallel,
        const struct batch *batch, struct sd_error *err)
{
	struct run run = { .parallel = parallel, .batch = batch, .code = TOOL_OK };
	struct jobs_listener listener = {
		.news = on_news,
		.end = on_end,
		.stopping = on_stopping,
		.data = &run,
	};
	_cleanup_progress_ struct progress *progress = NULL;
	size_t limit;
	int r;

	r = parse_jobs(self, parallel->arguments->jobs, &limit, err);
	if (r != TOOL_OK)
		return r;
	r = progress_new(parallel->tool, batch->disks, batch->n, &progress, err);
	if (r < 0)
		return TOOL_REFUSED;
	run.progress = progress;
	if (progress_is_drawn(progress))
		listener.tick = on_tick;
	r = jobs_run(&parallel->work, batch->disks, batch->n, limit, &listener, err);
	return r < 0 ? TOOL_REFUSED : run.code;
}

int parallel_run(const struct command *self, const struct parallel *parallel, char **words,
        size_t n, struct sd_error *err)
{
	_cleanup_batch_ struct batch batch = { 0 };
	size_t limit;
	int code;

	code = parse_jobs(self, parallel->arguments->jobs, &limit, err);
	if (code == TOOL_OK)
		code = batch_open(
		        &batch, parallel->tool, words, n, parallel->check, parallel->work.data);
	if (code != TOOL_OK)
		return code;
	if (!parallel->arguments->yes &&
	        ask_yes(parallel->tool, parallel->question, batch.disks, batch.n, err) < 0)
		return TOOL_REFUSED;
	return parallel_work(self, parallel, &batch, err);
}
