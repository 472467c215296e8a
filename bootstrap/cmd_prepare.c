/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk prepare: makes volumes of disks. */

#include "cleanup.h"
#include "commands.h"
#include "fingerprint.h"
#include "parallel.h"
#include "prepare.h"
#include "prepare_one.h"
#include "recipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct arguments {
	struct recipe_arguments recipe;
	struct parallel_arguments parallel;
	const char *wwid;
	bool force;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		RECIPE_OPTIONS,
		PARALLEL_OPTIONS,
		{ "force", no_argument, NULL, 'F' },
		{ "wwid", required_argument, NULL, 'w' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (recipe_option(&arguments->recipe, c, optarg) ||
		        parallel_option(&arguments->parallel, c, optarg))
			continue;
		switch (c) {
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
		return command_usage(self, err, "which filesystem? --filesystem xfs, ext4 or none");
	if (recipe->encrypt && strcmp(recipe->encrypt, "luks2") != 0)
		return command_usage(self, err, "--encrypt knows luks2 alone");
	if (!recipe->encrypt && key_source_is_given(&recipe->keys.key))
		return command_usage(self, err, "a key goes with --encrypt luks2");
	if (recipe->encrypt && !key_source_is_given(&recipe->keys.key))
		return command_usage(
		        self, err, "--encrypt needs --key file:NAME or --key-file PATH");
	if (n_disks < 1)
		return command_usage(self, err, "which disk?");
	if (arguments->force && (n_disks != 1 || !arguments->wwid))
		return command_usage(self, err, "--force takes exactly one disk and its --wwid");
	if (arguments->wwid && n_disks != 1)
		return command_usage(self, err, "--wwid takes exactly one disk");
	prepare->force = arguments->force;
	return recipe_check(self, recipe, !arguments->parallel.yes, &prepare->recipe, err);
}

struct job {
	const struct tool *tool;
	const struct arguments *arguments;
	struct prepare prepare;
	struct fingerprint *seen; /* of each disk, when it was checked and shown */
};

static int check_disk(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err)
{
	const struct job *job = data;
	const char *wwid = job->arguments->wwid;
	enum prepare_todo todo;
	int r;

	if (wwid && strcmp(wwid, disk->wwid) != 0)
		return sd_error_set(err, EPERM, "its WWID is \"%s\", not \"%s\"", disk->wwid, wwid);
	r = fingerprint_take(disk, &job->seen[i], err);
	return r < 0 ? r : prepare_check(&job->prepare, disk, &todo, err);
}

static int report(void *data, const struct sd_disk *disk, size_t i, const struct outcome *outcome,
        struct sd_error *err)
{
	const struct job *job = data;

	(void)i;
	return prepare_report(job->tool, &job->prepare.recipe, disk, outcome, err);
}

static int prepare_one(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	const struct job *job = data;
	struct prepare prepare = job->prepare;

	prepare.events = events;
	prepare.seen = &job->seen[i];
	return prepare_disk(&prepare, disk, ret, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_free_ struct fingerprint *seen = NULL;
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct arguments arguments = { 0 };
	struct job job = { .tool = tool, .arguments = &arguments };
	struct parallel parallel = {
		.tool = tool,
		.arguments = &arguments.parallel,
		.question = "These disks will be formatted:",
		.check = check_disk,
		.work = { .run = prepare_one, .key = &key, .data = &job },
		.report = report,
	};
	int code;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, &job.prepare, err);
	if (code != TOOL_OK)
		return code;
	if (arguments.recipe.encrypt) {
		if (key_source_read(&arguments.recipe.keys.key, &key, err) < 0)
			return TOOL_REFUSED;
		job.prepare.recipe.key = &key;
	}
	job.seen = seen = calloc((size_t)(argc - optind), sizeof(*seen));
	if (!seen) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	if (arguments.force)
		parallel.question = "EVERYTHING on this disk will be lost:";
	return parallel_run(self, &parallel, argv + optind, (size_t)(argc - optind), err);
}

const struct command cmd_prepare = {
	.name = "prepare",
	.summary = "Make volumes of blank disks",
	.arguments = "--filesystem xfs|ext4|none [OPTION...] DISK...",
	.help = "  --filesystem TYPE    xfs or ext4\n"
	        "  --encrypt luks2      encrypt it; needs a key\n" RECIPE_KEY_HELP PARALLEL_HELP
	        "  --force              the disk need not be blank; one disk, with --wwid\n"
	        "  --wwid WWID          the disk must have this WWID\n",
	.changes_disks = true,
	.run = run,
};
