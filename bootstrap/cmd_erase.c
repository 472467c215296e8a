/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk erase: cleans volumes, and makes them ready for the next tenant. */

#include "batch.h"
#include "cleanup.h"
#include "commands.h"
#include "erase.h"
#include "parallel.h"
#include "recipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct arguments {
	struct recipe_arguments recipe;
	struct parallel_arguments parallel;
	const char *method;
	bool no_prepare;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		RECIPE_OPTIONS,
		PARALLEL_OPTIONS,
		{ "method", required_argument, NULL, 'm' },
		{ "no-prepare", no_argument, NULL, 'n' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (recipe_option(&arguments->recipe, c, optarg) ||
		        parallel_option(&arguments->parallel, c, optarg))
			continue;
		switch (c) {
		case 'm':
			arguments->method = optarg;
			break;
		case 'n':
			arguments->no_prepare = true;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	return TOOL_OK;
}

static int check_encryption(const struct command *self, const struct recipe_arguments *arguments,
        struct erase *erase, struct sd_error *err)
{
	if (!arguments->encrypt)
		return TOOL_OK;
	if (strcmp(arguments->encrypt, "none") == 0)
		erase->encryption = ERASE_PLAIN;
	else if (strcmp(arguments->encrypt, "luks2") == 0)
		erase->encryption = ERASE_LUKS2;
	else
		return command_usage(self, err, "--encrypt is luks2 or none");
	if ((erase->encryption == ERASE_LUKS2) != key_source_is_given(&arguments->keys.key))
		return command_usage(self, err, "--encrypt luks2 and a key go together");
	return TOOL_OK;
}

static int check(const struct command *self, const struct arguments *arguments, int n_disks,
        struct erase *erase, struct sd_error *err)
{
	const struct recipe_arguments *recipe = &arguments->recipe;
	int code;

	if (n_disks < 1)
		return command_usage(self, err, "which disk or volume?");
	if (arguments->method)
		erase->method = erase_method_by_name(arguments->method);
	if (arguments->method && erase->method == ERASE_AUTO)
		return command_usage(self, err, "--method is " ERASE_METHODS);
	erase->kdf_is_given = recipe->keys.kdf;
	erase->no_prepare = arguments->no_prepare;
	if (erase->no_prepare &&
	        (recipe->filesystem || recipe->encrypt || key_source_is_given(&recipe->keys.key)))
		return command_usage(
		        self, err, "--no-prepare makes nothing, so it takes no filesystem or key");
	code = check_encryption(self, recipe, erase, err);
	return code == TOOL_OK
	        ? recipe_check(self, recipe, !arguments->parallel.yes, &erase->recipe, err)
	        : code;
}

struct job {
	const struct tool *tool;
	struct erase erase;
	struct erase_plan *plans;
};

static int make_plan(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err)
{
	struct job *job = data;

	return erase_make_plan(&job->erase, disk, &job->plans[i], err);
}

static int report(void *data, const struct sd_disk *disk, size_t i, const struct outcome *outcome,
        struct sd_error *err)
{
	const struct job *job = data;
	const struct erase_plan *plan = &job->plans[i];
	const struct recipe *recipe = &plan->recipe;
	sd_json *json;

	if (!job->tool->json) {
		if (outcome->warning[0])
			fprintf(stderr, "solodisk: %s: %s\n", plan->disk.name, outcome->warning);
		if (plan->no_prepare)
			printf("%s: erased, and left in state preparing; \"prepare\" or "
			       "\"release\" goes on\n",
			        disk->name);
		else
			printf("%s: erased; volume %s is ready, %s%s\n", disk->name, outcome->id,
			        recipe->filesystem, recipe->key ? " in LUKS2" : "");
		return 0;
	}
	json = batch_event("done", disk);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "erasedVolumeID", plan->id);
	if (plan->state != SD_STATE_PREPARING)
		(void)sd_json_set_string(json, "method", erase_method_name(plan->method));
	(void)sd_json_set_string(json, "volumeID", outcome->id);
	(void)sd_json_set_string(json, "state", plan->no_prepare ? "preparing" : "ready");
	if (outcome->warning[0])
		(void)sd_json_set_string(json, "warning", outcome->warning);
	if (!plan->no_prepare)
		recipe_describe(recipe, json);
	return tool_print_json(json, false, err);
}

static int erase_one(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err)
{
	const struct job *job = data;

	(void)disk;
	return erase_run(&job->plans[i], events, ret, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_free_ struct erase_plan *plans = NULL;
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct arguments arguments = { 0 };
	struct job job = { .tool = tool };
	const struct parallel parallel = {
		.tool = tool,
		.arguments = &arguments.parallel,
		.question = "All data on these disks will be destroyed:",
		.check = make_plan,
		.work = { .run = erase_one, .key = &key, .data = &job },
		.report = report,
	};
	int code;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, &job.erase, err);
	if (code != TOOL_OK)
		return code;
	if (key_source_is_given(&arguments.recipe.keys.key)) {
		if (key_source_read(&arguments.recipe.keys.key, &key, err) < 0)
			return TOOL_REFUSED;
		job.erase.recipe.key = &key;
	}
	job.plans = plans = calloc((size_t)(argc - optind), sizeof(*plans));
	if (!plans) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	return parallel_run(self, &parallel, argv + optind, (size_t)(argc - optind), err);
}

const struct command cmd_erase = {
	.name = "erase",
	.summary = "Destroy a tenant's data and make the volume ready for the next one",
	.arguments = "[OPTION...] DISK|VOLUME...",
	.help = "  --method METHOD      crypto (default where encrypted), zero, discard, or nvme-format\n"
	        "  --filesystem TYPE    xfs or ext4; default: as before\n"
	        "  --encrypt WHAT       luks2 or none; default: as before, luks2 with a key\n" RECIPE_KEY_HELP
	        "  --no-prepare         make nothing new: leave it erased, in state preparing\n" PARALLEL_HELP,
	.changes_disks = true,
	.run = run,
};
