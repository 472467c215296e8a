/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk show: everything about one disk or volume. */

#include "cleanup.h"
#include "commands.h"
#include "dead.h"
#include "describe.h"
#include "gpt.h"
#include "lock.h"
#include "record.h"
#include "table.h"
#include "which.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define LOCK_WAIT_MS 2000

struct show {
	struct survey survey;
	bool gpt_read;
	struct sd_gpt gpt;
	struct sd_record record;
};

static const char *validity(const struct sd_gpt_copy *copy)
{
	switch (copy->validity) {
	case SD_GPT_VALID:
		return "valid";
	case SD_GPT_TORN:
		return "torn";
	case SD_GPT_ABSENT:
		break;
	}
	return "absent";
}

/* The two copies of the table; a disk that cannot be read has its reason in the survey's note. */
static void read_table(struct show *show)
{
	const struct sd_disk *disk = &show->survey.disk;
	_cleanup_close_ int fd = -1;

	show->gpt_read = sd_disk_open(disk, O_RDONLY | O_CLOEXEC | O_NONBLOCK, &fd, NULL) == 0 &&
	        sd_lock_disk(fd, LOCK_SH, disk->node, LOCK_WAIT_MS, NULL) == 0 &&
	        sd_gpt_read(fd, disk->size, disk->sector_size, &show->gpt, NULL) == 0;
}

static int look(const char *word, struct show *show, struct sd_error *err)
{
	struct sd_disk disk;
	int r;

	r = which_disk(word, &disk, err);
	if (r < 0) {
		dead_add_to_error(word, err);
		return r;
	}
	survey_disk(&disk, &show->survey);
	if (show->survey.kind == SURVEY_OURS || show->survey.kind == SURVEY_DAMAGED)
		read_table(show);
	if (show->survey.kind == SURVEY_OURS)
		r = sd_record_read(show->survey.mark.id, &show->record, err);
	return r;
}

static int row(struct table *table, const char *name, const char *value, struct sd_error *err)
{
	const char *cells[] = { name, value };

	return value && value[0] ? table_add(table, cells, err) : 0;
}

static int identity_rows(struct table *table, const struct sd_disk *disk, struct sd_error *err)
{
	char size[TABLE_SIZE_TEXT], text[128];
	int r;

	(void)snprintf(text, sizeof(text), "%s (%" PRIu64 " bytes), sectors of %u bytes",
	        table_size(size, disk->size, false), disk->size, disk->sector_size);
	r = row(table, "Disk", disk->node, err);
	r = r < 0 ? r : row(table, "Size", text, err);
	r = r < 0 ? r : row(table, "Type", disk->transport, err);
	r = r < 0 ? r : row(table, "Model", disk->model, err);
	r = r < 0 ? r : row(table, "Serial", disk->serial, err);
	r = r < 0 ? r : row(table, "WWID", disk->wwid[0] ? disk->wwid : "none that counts", err);
	return r;
}

static int table_row(struct table *table, const struct show *show, struct sd_error *err)
{
	char text[160];

	if (!show->gpt_read)
		return 0;
	(void)snprintf(text, sizeof(text), "first copy %s, backup %s, %s; protective MBR %s",
	        validity(&show->gpt.primary), validity(&show->gpt.backup),
	        sd_gpt_agrees(&show->gpt) ? "they agree" : "they differ (repaired at the next use)",
	        show->gpt.protective_mbr ? "there" : "lost");
	return row(table, "Table", text, err);
}

static int volume_rows(struct table *table, const struct show *show, struct sd_error *err)
{
	const struct survey *survey = &show->survey;
	char text[160], size[TABLE_SIZE_TEXT];
	int r;

	r = row(table, "Volume", survey->mark.id, err);
	(void)snprintf(text, sizeof(text), "%s, %s",
	        survey->partition[0] ? survey->partition : "not shown by the kernel",
	        table_size(size, survey->mark.size, false));
	r = r < 0 ? r : row(table, "Partition", text, err);
	(void)describe_filesystem(survey, text, sizeof(text));
	r = r < 0 ? r : row(table, "Filesystem", text[0] ? text : "could not tell", err);
	if (survey->luks || survey->mapping_open)
		r = r < 0 ? r
		          : row(table, "Mapping",
		                    survey->mapping_open > 0            ? survey->mapping.name
		                            : survey->mapping_open == 0 ? "closed"
		                                                        : survey->mapping_note,
		                    err);
	for (size_t i = 0; r == 0 && i < survey->mounts.n; i++)
		r = row(table, i ? "" : "Mounted at", survey->mounts.mount[i].target, err);
	r = r < 0 ? r : row(table, "Staged at", show->record.stage, err);
	for (size_t i = 0; r == 0 && i < show->record.n_targets; i++)
		r = row(table, i ? "" : "Bound at", show->record.targets[i], err);
	return r < 0 ? r : row(table, "Being done", show->record.doing, err);
}

static int print_text(const struct show *show, struct sd_error *err)
{
	static const struct table_column columns[] = { { .name = NULL }, { .name = NULL } };
	_cleanup_table_ struct table *table = NULL;
	int r;

	r = table_new(columns, SD_ARRAY_SIZE(columns), &table, err);
	r = r < 0 ? r : identity_rows(table, &show->survey.disk, err);
	r = r < 0 ? r : row(table, "State", survey_state(&show->survey), err);
	r = r < 0 ? r : row(table, "", show->survey.note, err);
	r = r < 0 ? r : table_row(table, show, err);
	if (show->survey.kind == SURVEY_OURS)
		r = r < 0 ? r : volume_rows(table, show, err);
	return r < 0 ? r : table_print(table, err);
}

static int print_json(const struct show *show, struct sd_error *err)
{
	sd_json *json = describe_survey(&show->survey), *part;

	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (show->gpt_read && (part = sd_json_object())) {
		(void)sd_json_set_string(part, "primary", validity(&show->gpt.primary));
		(void)sd_json_set_string(part, "backup", validity(&show->gpt.backup));
		(void)sd_json_set_bool(part, "agree", sd_gpt_agrees(&show->gpt));
		(void)sd_json_set_bool(part, "protectiveMBR", show->gpt.protective_mbr);
		(void)sd_json_set(json, "table", part);
	}
	part = sd_json_get(json, "volume");
	if (part) {
		(void)sd_json_set_string(part, "stage", show->record.stage);
		(void)sd_json_set_string(part, "doing", show->record.doing);
		(void)sd_json_set(part, "targets", sd_json_array());
		for (size_t i = 0; i < show->record.n_targets; i++)
			(void)sd_json_append(sd_json_get(part, "targets"),
			        sd_json_string(show->record.targets[i]));
	}
	return tool_print_json(json, true, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = { COMMON_OPTIONS };
	struct show show = { 0 };
	int r;

	if (command_getopt(tool, self, argc, argv, options, err) != -1)
		return TOOL_USAGE;
	if (argc - optind != 1)
		return command_usage(self, err, "show takes one disk or volume");
	r = look(argv[optind], &show, err);
	if (r == 0)
		r = tool->json ? print_json(&show, err) : print_text(&show, err);
	sd_record_free(&show.record);
	survey_free(&show.survey);
	if (r == 0)
		return TOOL_OK;
	return r == -ENODEV ? TOOL_NOT_FOUND : TOOL_FAILED;
}

const struct command cmd_show = {
	.name = "show",
	.summary = "Show everything about one disk or volume",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = "",
	.run = run,
};
