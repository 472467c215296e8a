/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk plan: what would be done to which disk, and why the others are left alone. */

#include "cleanup.h"
#include "commands.h"
#include "describe.h"
#include "plan_make.h"
#include "recipe.h"
#include "table.h"
#include "which.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct arguments {
	struct recipe_arguments recipe;
	const char *config, *pool, *output;
	bool automatic;
};

static const struct table_column columns[] = {
	{ .name = "DISK" },
	{ .name = "SIZE", .right = true },
	{ .name = "MODEL", .may_cut = true },
	{ .name = "SERIAL", .may_cut = true },
	{ .name = "WWID", .may_cut = true },
	{ .name = "STATE" },
	{ .name = "ACTION" },
	{ .name = "POOL" },
	{ .name = "NOTE", .may_cut = true },
};

/* The disks that were named, by device number. */
struct named {
	const struct sd_disk *disk;
	size_t n;
};

static bool is_named(const struct wish *wish, const struct sd_disk *disk)
{
	const struct named *named = wish->data;

	for (size_t i = 0; i < named->n; i++)
		if (named->disk[i].devno == disk->devno && !disk->hidden)
			return true;
	return false;
}

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		RECIPE_OPTIONS,
		{ "config", required_argument, NULL, 'c' },
		{ "pool", required_argument, NULL, 'p' },
		{ "output", required_argument, NULL, 'o' },
		{ "automatic", no_argument, NULL, 'A' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (recipe_option(&arguments->recipe, c, optarg))
			continue;
		switch (c) {
		case 'c':
			arguments->config = optarg;
			break;
		case 'p':
			arguments->pool = optarg;
			break;
		case 'o':
			arguments->output = optarg;
			break;
		case 'A':
			arguments->automatic = true;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	return TOOL_OK;
}

/* Where the key will be, when the plan is applied: it is not read now. */
static int take_key(const struct command *self, const struct key_source *source,
        struct plan_disk *made, struct sd_error *err)
{
	struct key_reference reference;
	char *path;

	if (source->key && source->key_file)
		return command_usage(self, err,
		        "a plan holds no key: give --key alone, and the Secret's value to \"apply "
		        "--key-file\"");
	if (source->key) {
		if (key_reference_parse(source->key, &reference) < 0)
			return command_usage(self, err, "--key is " KEY_REFERENCE_FORMS);
		(void)snprintf(made->key, sizeof(made->key), "%s", source->key);
		return TOOL_OK;
	}
	if (key_source_is_stdin(source))
		return command_usage(self, err,
		        "a plan holds no key: name it with --key secret:KEY, and give its value to "
		        "\"apply --key-file -\"");
	path = realpath(source->key_file, NULL);
	if (!path) {
		sd_error_errno(err, errno, "cannot find the key file %s", source->key_file);
		return TOOL_REFUSED;
	}
	(void)snprintf(made->key_file, sizeof(made->key_file), "%s", path);
	free(path);
	return TOOL_OK;
}

static int wish_of_options(const struct command *self, const struct recipe_arguments *options,
        struct wish *ret, struct sd_error *err)
{
	struct recipe recipe = { 0 };
	bool has_key = key_source_is_given(&options->keys.key);
	int code;

	if (options->encrypt && strcmp(options->encrypt, "luks2") != 0)
		return command_usage(self, err, "--encrypt knows luks2 alone");
	if (!options->encrypt != !has_key)
		return command_usage(
		        self, err, "--encrypt luks2 and a key (--key or --key-file) go together");
	code = recipe_check(self, options, false, &recipe, err);
	if (code != TOOL_OK)
		return code;
	(void)snprintf(ret->made.filesystem, sizeof(ret->made.filesystem), "%s", recipe.filesystem);
	ret->made.luks = options->encrypt != NULL;
	ret->made.kdf = recipe.kdf;
	return has_key ? take_key(self, &options->keys.key, &ret->made, err) : TOOL_OK;
}

static int wish_of_config(const struct command *self, const struct arguments *arguments,
        struct node_config *config, struct wish *ret, struct sd_error *err)
{
	int r = node_config_find(arguments->config, config, err);

	if (r < 0)
		return TOOL_REFUSED;
	if (r == 0)
		return command_usage(self, err,
		        "what is to be made? --filesystem, or --config FILE (there is no %s)",
		        NODE_CONFIG_PATH);
	ret->config = config;
	ret->automatic = arguments->automatic;
	if (arguments->pool)
		ret->pool = node_config_pool(config, arguments->pool);
	if (arguments->pool && !ret->pool) {
		sd_error_set(err, EINVAL, "%s has no pool \"%s\"", config->document.name,
		        arguments->pool);
		return TOOL_REFUSED;
	}
	return TOOL_OK;
}

static int make_wish(const struct command *self, const struct arguments *arguments, int n_words,
        struct node_config *config, struct wish *ret, struct sd_error *err)
{
	const struct recipe_arguments *recipe = &arguments->recipe;

	if (!recipe->filesystem &&
	        (recipe->encrypt || recipe->keys.kdf || key_source_is_given(&recipe->keys.key)))
		return command_usage(self, err, "which filesystem? --filesystem xfs, ext4 or none");
	if (!recipe->filesystem)
		return wish_of_config(self, arguments, config, ret, err);
	if (arguments->config || arguments->pool || arguments->automatic)
		return command_usage(self, err,
		        "either a pool says what is made, or --filesystem and its options");
	if (n_words == 0)
		return command_usage(self, err, "which disk?");
	return wish_of_options(self, recipe, ret, err);
}

/* The plan for all disks, as it grows. */
struct work {
	const struct tool *tool;
	const struct wish *wish;
	const struct named *named;
	struct plan *plan;
	struct table *table;
	int code;
};

static int add_row(struct table *table, const struct survey *survey, const struct verdict *verdict,
        struct sd_error *err)
{
	const struct plan_disk *plan = &verdict->disk;
	char size[TABLE_SIZE_TEXT], action[64] = "";
	const char *cells[] = {
		survey->disk.name,
		table_size(size, survey->disk.size, false),
		survey->disk.model,
		survey->disk.serial,
		survey->disk.wwid,
		survey_state(survey),
		action,
		verdict->pool ? verdict->pool->name : NULL,
		verdict->why,
	};

	if (verdict->planned)
		(void)snprintf(action, sizeof(action), "prepare %s%s", plan->filesystem,
		        plan->luks ? " in LUKS2" : "");
	return table_add(table, cells, err);
}

static int add_left(struct plan *plan, const struct survey *survey, const struct verdict *verdict,
        struct sd_error *err)
{
	sd_json *json = describe_survey(survey);

	if (verdict->pool)
		(void)sd_json_set_string(json, "pool", verdict->pool->name);
	if (!json || sd_json_set_string(json, "reason", verdict->why) < 0 ||
	        sd_json_append(plan->left, json) < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	return 0;
}

static int add_disk(struct work *work, const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	struct sd_error why = SD_ERROR_INIT;
	struct verdict verdict;
	int r;

	plan_decide(work->wish, disk, &survey, &verdict);
	r = verdict.planned ? plan_add(work->plan, &verdict.disk, err)
	                    : add_left(work->plan, &survey, &verdict, err);
	if (r == 0)
		r = add_row(work->table, &survey, &verdict, err);
	if (r == 0 && !verdict.planned && work->named->n && is_named(work->wish, disk)) {
		sd_error_set(&why, EPERM, "%s", verdict.why);
		work->code = TOOL_REFUSED;
		tool_error(work->tool, disk->name, work->code, &why);
	}
	return r;
}

/* A whole plan or none: by rename. Nobody but root needs to know what a node's disks are. */
static int write_file(const char *path, const char *text, struct sd_error *err)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	size_t len = strlen(text);
	bool is_written;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot write %s", path);
	is_written = write(fd, text, len) == (ssize_t)len && write(fd, "\n", 1) == 1 &&
	        fsync(fd) == 0 && rename(temporary, path) == 0;
	if (is_written)
		return 0;
	sd_error_errno(err, errno, "cannot write %s", path);
	(void)unlink(temporary);
	return -err->code;
}

static int print(const struct work *work, const char *output, struct sd_error *err)
{
	_cleanup_json_ sd_json *json = NULL;
	_cleanup_free_ char *text = NULL;
	int r = plan_to_json(work->plan, &json, err);

	if (r < 0)
		return r;
	if (work->tool->json)
		r = tool_print_json(sd_json_again(json), true, err);
	else
		r = table_print(work->table, err);
	if (r < 0 || !output)
		return r;
	text = sd_json_pretty(json);
	if (!text)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = write_file(output, text, err);
	if (r == 0 && !work->tool->json)
		printf("\n%zu of these disks would be prepared; \"solodisk apply %s\" does it.\n",
		        work->plan->n_disks, output);
	return r;
}

static int make_plan(struct work *work, const char *output, struct sd_error *err)
{
	_cleanup_disks_ struct sd_disks disks = { 0 };
	int r;

	r = plan_begin(work->plan, err);
	if (r < 0)
		return TOOL_REFUSED;
	work->plan->left = sd_json_array();
	if (!work->plan->left) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	r = sd_disks_read(&disks, err);
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		r = add_disk(work, &disks.disk[i], err);
	if (r == 0 && work->code != TOOL_OK)
		return work->tool->json || table_print(work->table, err) == 0 ? work->code
		                                                              : TOOL_FAILED;
	if (r == 0)
		r = print(work, output, err);
	return r < 0 ? TOOL_REFUSED : TOOL_OK;
}

static int find_named(char **words, size_t n, struct sd_disk **ret, struct sd_error *err)
{
	struct sd_disk *disks = calloc(n, sizeof(*disks));
	int r = disks ? 0 : sd_error_set(err, ENOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i < n; i++)
		r = which_disk(words[i], &disks[i], err);
	if (r < 0)
		free(disks);
	else
		*ret = disks;
	return r;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_node_config_ struct node_config config = { 0 };
	_cleanup_free_ struct sd_disk *disks = NULL;
	_cleanup_table_ struct table *table = NULL;
	struct arguments arguments = { 0 };
	struct named named = { 0 };
	struct wish wish = { .data = &named };
	_cleanup_plan_ struct plan plan = { 0 };
	struct work work = { .tool = tool, .wish = &wish, .named = &named, .plan = &plan };
	int code;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = make_wish(self, &arguments, argc - optind, &config, &wish, err);
	if (code != TOOL_OK)
		return code;
	if (optind < argc) {
		if (find_named(argv + optind, (size_t)(argc - optind), &disks, err) < 0)
			return tool_exit_code(err);
		named = (struct named){ disks, (size_t)(argc - optind) };
		wish.is_wanted = is_named;
	}
	if (table_new(columns, SD_ARRAY_SIZE(columns), &table, err) < 0)
		return TOOL_REFUSED;
	work.table = table;
	return make_plan(&work, arguments.output, err);
}

const struct command cmd_plan = {
	.name = "plan",
	.summary = "Show what would be prepared, and write it down for apply",
	.arguments = "[--config FILE] [--pool NAME] [OPTION...] [DISK...]",
	.help = "  --config FILE        its pools say which disks and what is made of them\n"
	        "                       (default: /etc/solodisk/config.json)\n"
	        "  --pool NAME          disks of this pool alone\n"
	        "  --automatic          disks of pools that say \"prepare\": \"automatic\" alone\n"
	        "  --output FILE        write the plan to a file\n"
	        "  --filesystem TYPE    without pools: xfs or ext4, for the disks that are named\n"
	        "  --encrypt luks2      encrypt it; needs a key\n"
	        "  --key file:NAME      the key will be /etc/solodisk/keys/NAME; secret:KEY: it\n"
	        "                       is in a Secret, and is given to apply\n"
	        "  --key-file PATH      the key will be the content of a file\n"
	        "  --kdf KDF            pbkdf2 (default) or argon2id\n",
	.run = run,
};
