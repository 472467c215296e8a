/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk apply: does exactly what a plan says, if every disk in it still is as it was. */

#include "ask.h"
#include "cleanup.h"
#include "commands.h"
#include "keysource.h"
#include "parallel.h"
#include "plan.h"
#include "prepare_one.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One disk of the plan, and what was found of it. */
struct item {
	struct prepare prepare;
	struct sd_key key;
	enum prepare_todo todo;
};

struct job {
	const struct tool *tool;
	const struct plan *plan;
	struct item *items; /* as many as disks in the plan */
	const struct command *self;
	struct parallel_arguments parallel;
	const char *key_file; /* for keys that this node has not */
};

static void job_free(struct job *job)
{
	for (size_t i = 0; job->items && i < job->plan->n_disks; i++)
		sd_key_free(&job->items[i].key);
	free(job->items);
}

/* Whether somebody must hand the key over: the plan names a Secret's. */
static bool is_key_given(const struct plan_disk *disk)
{
	struct key_reference reference;

	return disk->key[0] && key_reference_parse(disk->key, &reference) == 0 &&
	        reference.in_secret;
}

/* One --key-file is one key, so the plan must not need two. */
static int check_given_key(const struct job *job, const struct command *self, struct sd_error *err)
{
	const struct plan *plan = job->plan;
	const char *wanted = NULL;

	for (size_t i = 0; i < plan->n_disks; i++) {
		const struct plan_disk *disk = &plan->disks[i];

		if (!is_key_given(disk))
			continue;
		if (wanted && strcmp(wanted, disk->key) != 0) {
			sd_error_set(err, EINVAL,
			        "this plan needs two keys of Secrets, %s and %s; make a plan for each "
			        "(\"solodisk plan --pool NAME\")",
			        wanted, disk->key);
			return TOOL_REFUSED;
		}
		wanted = disk->key;
	}
	if (wanted && !job->key_file)
		return command_usage(self, err,
		        "the key %s is in a Secret: give its decoded value with --key-file PATH or "
		        "--key-file -",
		        wanted);
	if (!wanted && job->key_file)
		return command_usage(self, err, "this plan needs no --key-file");
	if (wanted && strcmp(job->key_file, "-") == 0 && !job->parallel.yes)
		return command_usage(
		        self, err, "stdin cannot carry both the key and an answer; give --yes too");
	return TOOL_OK;
}

static bool is_same_key(const struct plan_disk *a, const struct plan_disk *b)
{
	return strcmp(a->key, b->key) == 0 && strcmp(a->key_file, b->key_file) == 0;
}

static int read_key(struct job *job, size_t i, struct sd_error *err)
{
	const struct plan_disk *disk = &job->plan->disks[i];
	struct key_source source = { 0 };

	if (!disk->luks)
		return 0;
	job->items[i].prepare.recipe.key = &job->items[i].key;
	for (size_t j = 0; j < i; j++) /* stdin can be read once only */
		if (job->items[j].key.data && is_same_key(disk, &job->plan->disks[j]))
			return sd_key_copy(job->items[j].key.data, job->items[j].key.size,
			        &job->items[i].key, err);
	source.passphrase = disk->kdf == SD_KDF_ARGON2ID;
	source.key = disk->key[0] ? disk->key : NULL;
	if (is_key_given(disk))
		source.key_file = job->key_file;
	else if (!source.key)
		source.key_file = disk->key_file;
	return key_source_read(&source, &job->items[i].key, err);
}

static int make_items(struct job *job, struct sd_error *err)
{
	const struct plan *plan = job->plan;
	int r = 0;

	job->items = calloc(plan->n_disks + 1, sizeof(*job->items));
	if (!job->items)
		return sd_error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < plan->n_disks; i++) {
		struct prepare *prepare = &job->items[i].prepare;

		(void)snprintf(prepare->recipe.filesystem, sizeof(prepare->recipe.filesystem), "%s",
		        plan->disks[i].filesystem);
		prepare->recipe.kdf = plan->disks[i].kdf;
		prepare->seen = &plan->disks[i].seen;
		r = read_key(job, i, err);
	}
	return r;
}

static int check_disk(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err)
{
	const struct job *job = data;
	struct item *item = &job->items[i];
	int r = prepare_check(&item->prepare, disk, &item->todo, err);

	if (r == 0 && item->todo == PREPARE_FRESH && job->plan->disks[i].was_preparing)
		r = sd_error_set(err, ESTALE,
		        "it carried a volume in state preparing, now it is blank; look again");
	return r;
}

/* In a process of its own. */
static int apply_one(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err)
{
	const struct job *job = data;
	struct item *item = &job->items[i];
	struct prepare prepare = item->prepare;

	if (item->key.data)
		sd_key_lock(&item->key);
	prepare.events = events;
	return prepare_disk(&prepare, disk, ret, err);
}

static int report(void *data, const struct sd_disk *disk, size_t i, const struct outcome *outcome,
        struct sd_error *err)
{
	const struct job *job = data;

	return prepare_report(job->tool, &job->items[i].prepare.recipe, disk, outcome, err);
}

/* Those that will be written to; the others are done already. */
static int ask(const struct job *job, const struct batch *batch, struct sd_error *err)
{
	_cleanup_free_ struct sd_disk *disks = calloc(batch->n, sizeof(*disks));
	char what[200];
	size_t n = 0;

	if (!disks)
		return sd_error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < batch->n; i++)
		if (job->items[i].todo != PREPARE_NOTHING)
			disks[n++] = batch->disks[i];
	if (n == 0)
		return 0;
	(void)snprintf(what, sizeof(what),
	        "These disks will be formatted, as the plan of %s says:", job->plan->created);
	return ask_yes(job->tool, what, disks, n, err);
}

static int apply(struct job *job, struct sd_error *err)
{
	_cleanup_batch_ struct batch batch = { 0 };
	_cleanup_free_ char **words = NULL;
	const struct plan *plan = job->plan;
	const struct parallel parallel = {
		.tool = job->tool,
		.arguments = &job->parallel,
		.check = check_disk,
		.work = { .run = apply_one, .data = job },
		.report = report,
	};
	int code;

	words = calloc(plan->n_disks + 1, sizeof(*words));
	if (!words) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	/*
	 * By WWID, whatever the disks are called by now. A word that an edited plan has instead, such as
	 * a kernel's name, finds a disk whose WWID is another, and the fingerprint refuses that.
	 */
	for (size_t i = 0; i < plan->n_disks; i++)
		words[i] = plan->disks[i].seen.wwid;
	code = batch_open(&batch, job->tool, words, plan->n_disks, check_disk, job);
	if (code != TOOL_OK)
		return code;
	if (!job->parallel.yes && ask(job, &batch, err) < 0)
		return TOOL_REFUSED;
	return parallel_work(job->self, &parallel, &batch, err);
}

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct job *job, struct sd_error *err)
{
	static const struct option options[] = {
		PARALLEL_OPTIONS,
		{ "key-file", required_argument, NULL, 'K' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (parallel_option(&job->parallel, c, optarg))
			continue;
		if (c != 'K')
			return TOOL_USAGE;
		job->key_file = optarg;
	}
	return argc - optind == 1 ? TOOL_OK
	                          : command_usage(self, err, "apply takes one plan, a file");
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_plan_ struct plan plan = { 0 };
	_cleanup_(job_free) struct job job = { .tool = tool, .self = self, .plan = &plan };
	int code;

	code = parse(tool, self, argc, argv, &job, err);
	if (code != TOOL_OK)
		return code;
	if (plan_read(argv[optind], &plan, err) < 0 || plan_check_node(&plan, err) < 0)
		return TOOL_REFUSED;
	code = check_given_key(&job, self, err);
	if (code != TOOL_OK)
		return code;
	if (plan.n_disks == 0) {
		if (!tool->json)
			printf("There is nothing to do: the plan has no disks.\n");
		return TOOL_OK;
	}
	if (make_items(&job, err) < 0)
		return TOOL_REFUSED;
	return apply(&job, err);
}

const struct command cmd_apply = {
	.name = "apply",
	.summary = "Do what a plan says, if nothing has changed since",
	.arguments = "[OPTION...] PLAN",
	.help = PARALLEL_HELP
	"  --key-file PATH      the key that the plan says is in a Secret; -: of stdin\n",
	.changes_disks = true,
	.run = run,
};
