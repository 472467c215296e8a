/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk prepare: makes volumes of disks. */

#include "ask.h"
#include "cleanup.h"
#include "commands.h"
#include "describe.h"
#include "prepare.h"
#include "recipe.h"
#include "which.h"

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

/* All of them before any is touched: a person who names three disks means three. */
static int check_disks(const struct tool *tool, const struct prepare *prepare, char **words,
        struct sd_disk *disks, int n, const char *wwid)
{
	int code = TOOL_OK;

	for (int i = 0; i < n; i++) {
		struct sd_error err = SD_ERROR_INIT;
		enum prepare_todo todo;
		int r;

		r = sd_disk_resolve(words[i], &disks[i], &err);
		if (r == 0 && wwid && strcmp(wwid, disks[i].wwid) != 0)
			r = sd_error_set(
			        &err, EPERM, "its WWID is \"%s\", not \"%s\"", disks[i].wwid, wwid);
		for (int j = 0; r == 0 && j < i; j++)
			if (disks[i].devno == disks[j].devno)
				r = sd_error_set(&err, EINVAL, "it is named twice");
		if (r == 0)
			r = prepare_check(prepare, &disks[i], &todo, &err);
		if (r == 0)
			continue;
		if (code == TOOL_OK)
			code = tool_exit_code(&err);
		tool_error(tool, words[i], tool_exit_code(&err), &err);
	}
	return code;
}

static int report(const struct tool *tool, const struct prepare *prepare,
        const struct sd_disk *disk, const struct outcome *outcome, struct sd_error *err)
{
	const struct recipe *recipe = &prepare->recipe;
	sd_json *json;

	if (!tool->json) {
		printf("%s: volume %s is ready%s, %s%s\n", disk->name, outcome->id,
		        outcome->done_before ? " already" : "", recipe->filesystem,
		        recipe->key ? " in LUKS2" : "");
		return 0;
	}
	json = sd_json_object();
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "event", "done");
	(void)sd_json_set_string(json, "disk", disk->name);
	(void)sd_json_set_string(json, "wwid", disk->wwid);
	(void)sd_json_set_string(json, "volumeID", outcome->id);
	(void)sd_json_set_string(json, "state", "ready");
	(void)sd_json_set_string(json, "filesystem", recipe->filesystem);
	(void)sd_json_set_string(json, "encryption", recipe->key ? "luks2" : NULL);
	(void)sd_json_set_bool(json, "changed", outcome->touched);
	return tool_print_json(json, false, err);
}

static int prepare_one(
        const struct tool *tool, const struct prepare *all, const struct sd_disk *disk)
{
	struct sd_error err = SD_ERROR_INIT;
	struct prepare prepare = *all;
	struct progress progress;
	struct outcome outcome;
	struct events events = progress_begin(&progress, tool, disk->name);
	int code, r;

	prepare.events = &events;
	r = prepare_disk(&prepare, disk, &outcome, &err);
	progress_end(&progress);
	if (r == 0)
		r = report(tool, &prepare, disk, &outcome, &err);
	if (r == 0)
		return TOOL_OK;
	code = outcome.touched ? TOOL_FAILED : tool_exit_code(&err);
	if (outcome.touched && !content_is_medium_error(r))
		sd_error_set(&err, err.code, "%s; the same command goes on from here", err.text);
	tool_error(tool, disk->name, code, &err);
	return code;
}

static int prepare_all(const struct tool *tool, const struct arguments *arguments,
        const struct prepare *prepare, char **words, int n, struct sd_error *err)
{
	_cleanup_free_ struct sd_disk *disks = calloc((size_t)n, sizeof(*disks));
	int code;

	if (!disks) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	code = check_disks(tool, prepare, words, disks, n, arguments->wwid);
	if (code != TOOL_OK)
		return code;
	if (!arguments->yes &&
	        ask_yes(prepare->force ? "EVERYTHING on this disk will be lost:"
	                               : "These disks will be formatted:",
	                disks, (size_t)n, err) < 0)
		return TOOL_REFUSED;
	for (int i = 0; i < n; i++) {
		int one = prepare_one(tool, prepare, &disks[i]);

		/* Once one disk is changed, "nothing was changed" is no longer true. */
		if (one != TOOL_OK)
			code = n == 1 ? one : TOOL_FAILED;
	}
	return code;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct arguments arguments = { 0 };
	struct prepare prepare = { 0 };
	int code;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, &prepare, err);
	if (code != TOOL_OK)
		return code;
	if (arguments.recipe.encrypt) {
		if (key_source_read(&arguments.recipe.key, &key, err) < 0)
			return TOOL_REFUSED;
		prepare.recipe.key = &key;
	}
	return prepare_all(tool, &arguments, &prepare, argv + optind, argc - optind, err);
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
