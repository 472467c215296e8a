/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk list: every disk, what is on it, and why it may or may not be touched. */

#include "cleanup.h"
#include "commands.h"
#include "dead.h"
#include "describe.h"
#include "table.h"
#include "which.h"

#include <errno.h>

static const struct table_column columns[] = {
	{ .name = "DISK" },
	{ .name = "SIZE", .right = true },
	{ .name = "TYPE" },
	{ .name = "MODEL", .may_cut = true },
	{ .name = "SERIAL", .may_cut = true },
	{ .name = "WWID", .may_cut = true },
	{ .name = "STATE" },
	{ .name = "FILESYSTEM" },
	{ .name = "VOLUME", .may_cut = true },
	{ .name = "NOTE", .may_cut = true },
};

struct list {
	bool in_bytes;
	struct table *table; /* one of the two */
	sd_json *json;
	bool all; /* then also what lies on no disk any more */
};

static int add_row(struct list *list, const struct survey *survey, struct sd_error *err)
{
	char size[TABLE_SIZE_TEXT], filesystem[64];
	const char *cells[] = {
		survey->disk.name,
		table_size(size, survey->disk.size, list->in_bytes),
		survey->disk.transport,
		survey->disk.model,
		survey->disk.serial,
		survey->disk.wwid,
		survey_state(survey),
		describe_filesystem(survey, filesystem, sizeof(filesystem)),
		survey->kind == SURVEY_OURS ? survey->mark.id : NULL,
		survey->note,
	};

	return table_add(list->table, cells, err);
}

static int add(struct list *list, const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };

	survey_disk(disk, &survey);
	if (list->table)
		return add_row(list, &survey, err);
	if (sd_json_append(list->json, describe_survey(&survey)) < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	return 0;
}

static int add_all(struct list *list, struct sd_error *err)
{
	struct sd_disks disks = { 0 };
	int r;

	r = sd_disks_read(&disks, err);
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		r = add(list, &disks.disk[i], err);
	sd_disks_free(&disks);
	return r;
}

static int print_text(const struct list *list, struct sd_error *err)
{
	int r = table_print(list->table, err);

	return r == 0 && list->all ? dead_print(err) : r;
}

static int print_json(struct list *list, struct sd_error *err)
{
	_cleanup_json_ sd_json *answer = sd_json_object();
	sd_json *dead = NULL;

	if (!answer || sd_json_set(answer, "disks", sd_steal(list->json)) < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (list->all && dead_json(&dead, err) < 0)
		return -err->code;
	if (dead && sd_json_set(answer, "deadMappings", dead) < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	return tool_print_json(sd_steal(answer), true, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = {
		{ "bytes", no_argument, NULL, 'b' },
		COMMON_OPTIONS,
	};
	_cleanup_table_ struct table *table = NULL;
	_cleanup_json_ sd_json *json = NULL;
	struct list list = { 0 };
	int c, r = 0;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c != 'b')
			return TOOL_USAGE;
		list.in_bytes = true;
	}
	if (tool->json) {
		json = list.json = sd_json_array();
		if (!json)
			r = sd_error_set(err, ENOMEM, "out of memory");
	} else {
		r = table_new(columns, SD_ARRAY_SIZE(columns), &table, err);
		list.table = table;
	}
	for (int i = optind; r == 0 && i < argc; i++) {
		struct sd_disk disk;

		r = which_disk(argv[i], &disk, err);
		if (r == 0)
			r = add(&list, &disk, err);
	}
	list.all = optind == argc;
	if (r == 0 && list.all)
		r = add_all(&list, err);
	if (r == 0) {
		json = NULL; /* print() gives it away */
		r = list.table ? print_text(&list, err) : print_json(&list, err);
	}
	if (r == 0)
		return TOOL_OK;
	return r == -ENODEV ? TOOL_NOT_FOUND : TOOL_FAILED;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "Show every disk, what is on it, and why it may or may not be touched",
	.arguments = "[OPTION...] [DISK|VOLUME...]",
	.help = "  --bytes              sizes in bytes\n",
	.run = run,
};
