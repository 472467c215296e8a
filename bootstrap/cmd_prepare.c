/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk prepare: makes volumes of disks. */

#include "ask.h"
#include "batch.h"
#include "commands.h"
#include "prepare.h"
#include "recipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct arguments {
	struct recipe_arguments recipe;
	const char *wwid;
	bool yes, force;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		RECIPE_OPTIONS,
		{ "yes", no_argument, NULL, 'y' },
		{ "force", no_argument, NULL, 'F' },
		{ "wwid", required_argument, NULL, 'w' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (recipe_option(&arguments->recipe, c, optarg))
			continue;
		switch (c) {
		case 'y':
			arguments->yes = true;
			break;
		case 'F':
			arguments->force = true;
			break;
		case 'w':
			arguments->wwid = optarg;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	return TOOL_OK;
}

static int check(const struct command *self, const struct arguments *arguments, int n_disks,
        struct prepare *prepare, struct sd_error *err)
{
	const struct recipe_arguments *recipe = &arguments->recipe;

	if (!recipe->filesystem)
		return command_usage(self, err, "which filesystem? --filesystem xfs or ext4");
	if (recipe->encrypt && strcmp(recipe->encrypt, "luks2") != 0)
		return command_usage(self, err, "--encrypt knows luks2 alone");
	if (!recipe->encrypt && key_source_is_given(&recipe->key))
		return command_usage(self, err, "a key goes with --encrypt luks2");
	if (recipe->encrypt && !key_source_is_given(&recipe->key))
		return command_usage(
		        self, err, "--encrypt needs --key file:NAME or --key-file PATH");
	if (n_disks < 1)
		return command_usage(self, err, "which disk?");
	if (arguments->force && (n_disks != 1 || !arguments->wwid))
		return command_usage(self, err, "--force takes exactly one disk and its --wwid");
	if (arguments->wwid && n_disks != 1)
		return command_usage(self, err, "--wwid takes exactly one disk");
	prepare->force = arguments->force;
	return recipe_check(self, recipe, !arguments->yes, &prepare->recipe, err);
}

struct job {
	const struct tool *tool;
	const struct arguments *arguments;
	struct prepare prepare;
};

static int check_disk(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err)
{
	const struct job *job = data;
	const char *wwid = job->arguments->wwid;
	enum prepare_todo todo;

	(void)i;
	if (wwid && strcmp(wwid, disk->wwid) != 0)
		return sd_error_set(err, EPERM, "its WWID is \"%s\", not \"%s\"", disk->wwid, wwid);
	return prepare_check(&job->prepare, disk, &todo, err);
}

static int report(const struct job *job, const struct sd_disk *disk, const struct outcome *outcome,
        struct sd_error *err)
{
	const struct recipe *recipe = &job->prepare.recipe;
	sd_json *json;

	if (!job->tool->json) {
		printf("%s: volume %s is ready%s, %s%s\n", disk->name, outcome->id,
		        outcome->done_before ? " already" : "", recipe->filesystem,
		        recipe->key ? " in LUKS2" : "");
		return 0;
	}
	json = batch_event("done", disk);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "volumeID", outcome->id);
	(void)sd_json_set_string(json, "state", "ready");
	recipe_describe(recipe, json);
	(void)sd_json_set_bool(json, "changed", outcome->touched);
	return tool_print_json(json, false, err);
}

static int prepare_one(void *data, const struct sd_disk *disk, size_t i)
{
	const struct job *job = data;
	struct sd_error err = SD_ERROR_INIT;
	struct prepare prepare = job->prepare;
	struct progress progress;
	struct outcome outcome;
	struct events events = progress_begin(&progress, job->tool, disk->name);
	int code, r;

	(void)i;
	prepare.events = &events;
	r = prepare_disk(&prepare, disk, &outcome, &err);
	progress_end(&progress);
	if (r == 0)
		r = report(job, disk, &outcome, &err);
	if (r == 0)
		return TOOL_OK;
	code = outcome.touched ? TOOL_FAILED : tool_exit_code(&err);
	if (outcome.touched && !content_is_medium_error(r))
		sd_error_set(&err, err.code, "%s; the same command goes on from here", err.text);
	tool_error(job->tool, disk->name, code, &err);
	return code;
}

static int prepare_all(struct job *job, char **words, int n, struct sd_error *err)
{
	_cleanup_batch_ struct batch batch = { 0 };
	int code;

	code = batch_open(&batch, job->tool, words, (size_t)n, check_disk, job);
	if (code != TOOL_OK)
		return code;
	if (!job->arguments->yes &&
	        ask_yes(job->tool,
	                job->prepare.force ? "EVERYTHING on this disk will be lost:"
	                                   : "These disks will be formatted:",
	                batch.disks, batch.n, err) < 0)
		return TOOL_REFUSED;
	return batch_run(&batch, prepare_one, job);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct arguments arguments = { 0 };
	struct job job = { .tool = tool, .arguments = &arguments };
	int code;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, &job.prepare, err);
	if (code != TOOL_OK)
		return code;
	if (arguments.recipe.encrypt) {
		if (key_source_read(&arguments.recipe.key, &key, err) < 0)
			return TOOL_REFUSED;
		job.prepare.recipe.key = &key;
	}
	return prepare_all(&job, argv + optind, argc - optind, err);
}

const struct command cmd_prepare = {
	.name = "prepare",
	.summary = "Make volumes of blank disks",
	.arguments = "--filesystem xfs|ext4 [OPTION...] DISK...",
	.help = "  --filesystem TYPE    xfs or ext4\n"
	        "  --encrypt luks2      encrypt it; needs a key\n" RECIPE_KEY_HELP
	        "  --yes                do not ask\n"
	        "  --force              the disk need not be blank; one disk, with --wwid\n"
	        "  --wwid WWID          the disk must have this WWID\n",
	.changes_disks = true,
	.run = run,
};
