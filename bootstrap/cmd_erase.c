/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk erase: cleans volumes, and makes them ready for the next tenant. */

#include "ask.h"
#include "cleanup.h"
#include "commands.h"
#include "erase.h"
#include "recipe.h"
#include "which.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct arguments {
	struct recipe_arguments recipe;
	const char *method;
	bool yes, no_prepare;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		RECIPE_OPTIONS,
		{ "yes", no_argument, NULL, 'y' },
		{ "method", required_argument, NULL, 'm' },
		{ "no-prepare", no_argument, NULL, 'n' },
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
	if ((erase->encryption == ERASE_LUKS2) != key_source_is_given(&arguments->key))
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
	for (erase->method = ERASE_CRYPTO; arguments->method; erase->method++) {
		if (erase->method > ERASE_DISCARD)
			return command_usage(self, err, "--method is crypto, zero or discard");
		if (strcmp(arguments->method, erase_method_name(erase->method)) == 0)
			break;
	}
	if (!arguments->method)
		erase->method = ERASE_AUTO;
	erase->no_prepare = arguments->no_prepare;
	if (erase->no_prepare &&
	        (recipe->filesystem || recipe->encrypt || key_source_is_given(&recipe->key)))
		return command_usage(
		        self, err, "--no-prepare makes nothing, so it takes no filesystem or key");
	code = check_encryption(self, recipe, erase, err);
	return code == TOOL_OK ? recipe_check(self, recipe, !arguments->yes, &erase->recipe, err)
	                       : code;
}

/* All of them before any is touched. */
static int make_plans(const struct tool *tool, const struct erase *erase, char **words,
        struct erase_plan *plans, int n)
{
	int code = TOOL_OK;

	for (int i = 0; i < n; i++) {
		struct sd_error err = SD_ERROR_INIT;
		struct sd_disk disk;
		int r;

		r = which_disk(words[i], &disk, &err);
		for (int j = 0; r == 0 && j < i; j++)
			if (disk.devno == plans[j].disk.devno)
				r = sd_error_set(&err, EINVAL, "it is named twice");
		if (r == 0)
			r = erase_make_plan(erase, &disk, &plans[i], &err);
		if (r == 0)
			continue;
		if (code == TOOL_OK)
			code = tool_exit_code(&err);
		tool_error(tool, words[i], tool_exit_code(&err), &err);
	}
	return code;
}

static int ask(const struct erase_plan *plans, int n, struct sd_error *err)
{
	_cleanup_free_ struct sd_disk *disks = calloc((size_t)n, sizeof(*disks));
	char what[160];

	if (!disks)
		return sd_error_set(err, ENOMEM, "out of memory");
	for (int i = 0; i < n; i++)
		disks[i] = plans[i].disk;
	(void)snprintf(what, sizeof(what),
	        "The tenant's data on %s will be destroyed:", n == 1 ? "this disk" : "these disks");
	return ask_yes(what, disks, (size_t)n, err);
}

static int report(const struct tool *tool, const struct erase_plan *plan,
        const struct erase_outcome *outcome, struct sd_error *err)
{
	const struct recipe *recipe = &plan->recipe;
	const char *state = plan->no_prepare ? "preparing" : "ready";
	sd_json *json;

	if (!tool->json) {
		if (plan->no_prepare)
			printf("%s: erased, and left in state preparing; \"prepare\" or "
			       "\"release\" goes on\n",
			        plan->disk.name);
		else
			printf("%s: erased; volume %s is ready, %s%s\n", plan->disk.name,
			        outcome->id, recipe->filesystem, recipe->key ? " in LUKS2" : "");
		return 0;
	}
	json = sd_json_object();
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "event", "done");
	(void)sd_json_set_string(json, "disk", plan->disk.name);
	(void)sd_json_set_string(json, "wwid", plan->disk.wwid);
	(void)sd_json_set_string(json, "erasedVolumeID", plan->id);
	if (plan->state != SD_STATE_PREPARING)
		(void)sd_json_set_string(json, "method", erase_method_name(plan->method));
	(void)sd_json_set_string(json, "volumeID", outcome->id);
	(void)sd_json_set_string(json, "state", state);
	if (!plan->no_prepare)
		(void)sd_json_set_string(json, "filesystem", recipe->filesystem);
	(void)sd_json_set_string(json, "encryption", recipe->key ? "luks2" : NULL);
	return tool_print_json(json, false, err);
}

static int erase_one(const struct tool *tool, const struct erase_plan *plan)
{
	struct sd_error err = SD_ERROR_INIT;
	struct erase_outcome outcome;
	struct progress progress;
	struct events events = progress_begin(&progress, tool, plan->disk.name);
	int code, r;

	r = erase_run(plan, &events, &outcome, &err);
	progress_end(&progress);
	if (r == 0)
		r = report(tool, plan, &outcome, &err);
	if (r == 0)
		return TOOL_OK;
	code = outcome.touched ? TOOL_FAILED : tool_exit_code(&err);
	if (outcome.touched && !content_is_medium_error(r) && r != -EOPNOTSUPP)
		sd_error_set(&err, err.code, "%s; the same command goes on from here", err.text);
	tool_error(tool, plan->disk.name, code, &err);
	return code;
}

static int erase_all(const struct tool *tool, const struct arguments *arguments,
        const struct erase *erase, char **words, int n, struct sd_error *err)
{
	_cleanup_free_ struct erase_plan *plans = calloc((size_t)n, sizeof(*plans));
	int code;

	if (!plans) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	code = make_plans(tool, erase, words, plans, n);
	if (code != TOOL_OK)
		return code;
	if (!arguments->yes && ask(plans, n, err) < 0)
		return TOOL_REFUSED;
	for (int i = 0; i < n; i++) {
		int one = erase_one(tool, &plans[i]);

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
	struct erase erase = { 0 };
	int code;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, &erase, err);
	if (code != TOOL_OK)
		return code;
	if (key_source_is_given(&arguments.recipe.key)) {
		if (key_source_read(&arguments.recipe.key, &key, err) < 0)
			return TOOL_REFUSED;
		erase.recipe.key = &key;
	}
	return erase_all(tool, &arguments, &erase, argv + optind, argc - optind, err);
}

const struct command cmd_erase = {
	.name = "erase",
	.summary = "Destroy a tenant's data and make the volume ready for the next one",
	.arguments = "[OPTION...] DISK|VOLUME...",
	.help = "  --method METHOD      crypto (default where encrypted), zero, or discard\n"
	        "  --filesystem TYPE    xfs or ext4; default: as before\n"
	        "  --encrypt WHAT       luks2 or none; default: as before, luks2 with a key\n" RECIPE_KEY_HELP
	        "  --no-prepare         make nothing new: leave it erased, in state preparing\n"
	        "  --yes                do not ask\n",
	.changes_disks = true,
	.run = run,
};
