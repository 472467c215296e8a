/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk pv: prints the PersistentVolume for a volume. */

#include "commands.h"
#include "publish.h"
#include "survey.h"
#include "which.h"

#include <errno.h>
#include <string.h>

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct publish *publish, const char **ret_reclaim, struct sd_error *err)
{
	static const struct option options[] = {
		PUBLISH_OPTIONS,
		{ "reclaim", required_argument, NULL, 'r' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (publish_option(publish, c, optarg))
			continue;
		if (c != 'r')
			return TOOL_USAGE;
		*ret_reclaim = optarg;
	}
	if (argc - optind != 1)
		return command_usage(self, err, "pv takes one disk or volume");
	if (strcmp(*ret_reclaim, "Retain") != 0 && strcmp(*ret_reclaim, "Delete") != 0)
		return command_usage(self, err, "--reclaim is Retain or Delete");
	return publish_check(self, publish, err);
}

static int check_volume(const struct survey *survey, struct sd_error *err)
{
	if (survey->kind != SURVEY_OURS)
		return sd_error_set(err, EINVAL, "%s carries no volume that can be published: %s",
		        survey->disk.name, survey->note);
	if (survey->mark.state == SD_STATE_USED)
		return sd_error_set(err, EPERM,
		        "volume %s has a tenant's data, which whoever claims the PersistentVolume "
		        "would get; \"solodisk adopt\" keeps it, \"solodisk erase\" destroys it",
		        survey->mark.id);
	if (survey->mark.state != SD_STATE_READY)
		return sd_error_set(err, EPERM, "volume %s is in state %s", survey->mark.id,
		        sd_state_name(survey->mark.state));
	if (survey->is_empty)
		return sd_error_set(err, EINVAL,
		        "volume %s is for block mode, where no driver marks it used before its first "
		        "tenant; \"solodisk adopt --volume-mode Block\" does, and prints its "
		        "PersistentVolume",
		        survey->mark.id);
	if (!survey->content.type[0])
		return sd_error_set(
		        err, EIO, "what volume %s holds could not be told", survey->mark.id);
	return 0;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	struct publish publish = { 0 };
	struct pv pv = { .reclaim = "Retain" };
	struct sd_disk disk;
	int code, r;

	code = parse(tool, self, argc, argv, &publish, &pv.reclaim, err);
	if (code != TOOL_OK)
		return code;
	r = which_disk(argv[optind], &disk, err);
	if (r == 0) {
		survey_disk(&disk, &survey);
		r = check_volume(&survey, err);
	}
	if (r == 0) {
		pv.id = survey.mark.id;
		pv.luks = survey.luks;
		pv.capacity = pv_capacity(survey.mark.size, survey.luks);
		pv.wwid = survey.disk.wwid[0] ? survey.disk.wwid : NULL;
		pv.fs_type = survey.filesystem[0] ? survey.filesystem : NULL;
		r = publish_check_volume(&publish, &pv, err);
	}
	if (r == 0)
		r = publish_print(&publish, &pv, err);
	return r == 0 ? TOOL_OK : tool_exit_code(err);
}

const struct command cmd_pv = {
	.name = "pv",
	.summary = "Print the PersistentVolume for a volume, as kubectl takes it",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = PUBLISH_HELP "  --reclaim POLICY      Retain (default) or Delete\n",
	.run = run,
};
