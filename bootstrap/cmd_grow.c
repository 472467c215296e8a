/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk grow: lets a volume follow its disk that grew. */

#include "batch.h"
#include "commands.h"
#include "grow.h"
#include "keysource.h"
#include "table.h"
#include "which.h"

#include <errno.h>
#include <stdio.h>

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct key_source *source, struct sd_error *err)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "key-file", required_argument, NULL, 'K' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		switch (c) {
		case 'k':
			source->key = optarg;
			break;
		case 'K':
			source->key_file = optarg;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	if (argc - optind != 1)
		return command_usage(self, err, "grow takes one disk or volume");
	return TOOL_OK;
}

static void print_part(const char *name, uint64_t before, uint64_t after)
{
	char from[TABLE_SIZE_TEXT], to[TABLE_SIZE_TEXT];

	(void)table_size(from, before, false);
	(void)table_size(to, after, false);
	if (after > before)
		printf(", the %s grew from %s to %s", name, from, to);
	else
		printf(", the %s has %s as before", name, to);
}

static void print_text(const struct survey *survey, const struct grown *grown)
{
	printf("%s: volume %s", survey->disk.name, survey->mark.id);
	print_part("partition", grown->partition_before, grown->partition_after);
	switch (grown->pending) {
	case GROW_PENDING_NOTHING:
		if (grown->filesystem_after == 0)
			printf(", and the filesystem fills it");
		else
			print_part("filesystem", grown->filesystem_before, grown->filesystem_after);
		break;
	case GROW_PENDING_MOUNT:
		printf("; the filesystem is not mounted and follows at its next mount");
		break;
	case GROW_PENDING_KEY:
		printf("; what is inside follows at the next mount, or now with --key or --key-file");
		break;
	}
	printf("\n");
}

static sd_json *part_json(uint64_t before, uint64_t after)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_int(json, "before", (int64_t)before);
	(void)sd_json_set_int(json, "after", (int64_t)after);
	return json;
}

static int report(const struct tool *tool, const struct survey *survey, const struct grown *grown,
        struct sd_error *err)
{
	static const char *const pending[] = { NULL, "mount", "key" };
	sd_json *json;

	if (!tool->json) {
		print_text(survey, grown);
		return 0;
	}
	json = batch_event("done", &survey->disk);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "volumeID", survey->mark.id);
	(void)sd_json_set_string(json, "state", sd_state_name(survey->mark.state));
	(void)sd_json_set(
	        json, "partition", part_json(grown->partition_before, grown->partition_after));
	if (grown->filesystem_after)
		(void)sd_json_set(json, "filesystem",
		        part_json(grown->filesystem_before, grown->filesystem_after));
	(void)sd_json_set_string(json, "pending", pending[grown->pending]);
	(void)sd_json_set_bool(json, "changed",
	        grown->partition_after > grown->partition_before ||
	                grown->filesystem_after > grown->filesystem_before);
	return tool_print_json(json, false, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct key_source source = { 0 };
	struct grown grown = { 0 };
	int code, r;

	code = parse(tool, self, argc, argv, &source, err);
	if (code != TOOL_OK)
		return code;
	r = which_volume(argv[optind], &survey, err);
	if (r == 0 && key_source_is_given(&source)) {
		source.device = survey.partition[0] ? survey.partition : NULL;
		source.id = survey.mark.id;
		r = key_source_read(&source, &key, err);
	}
	if (r == 0)
		r = grow_volume(&survey, key.data ? &key : NULL, &grown, err);
	if (r == 0)
		r = report(tool, &survey, &grown, err);
	if (r == 0)
		return TOOL_OK;
	if (grown.touched)
		sd_error_set(err, err->code, "%s; the same command goes on from here", err->text);
	return grown.touched ? TOOL_FAILED : tool_exit_code(err);
}

const struct command cmd_grow = {
	.name = "grow",
	.summary = "Let a volume follow its disk that grew, mounted or not",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = "  --key SOURCE         of an encrypted and mounted volume: file:NAME, secret:NAME,\n"
	        "                       token or both:A,B\n"
	        "  --key-file PATH      the key, or the Secret's value: the content of a file; -: of "
	        "stdin\n",
	.changes_disks = true,
	.run = run,
};
