/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk release: gives a disk back, blank. */

#include "batch.h"
#include "claim.h"
#include "cleanup.h"
#include "commands.h"
#include "lock.h"
#include "log.h"
#include "parallel.h"
#include "remains.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

/* What is released must hold no tenant's data, or an operator must say that he knows. */
static int check_state(const struct claim *claim, bool failed_too, struct sd_error *err)
{
	const struct sd_mark *mark = &claim->volume.mark;

	switch (mark->state) {
	case SD_STATE_READY:
	case SD_STATE_PREPARING:
		return 0;
	case SD_STATE_FAILED:
		if (failed_too)
			return 0;
		return sd_error_set(err, EPERM,
		        "volume %s failed, and a tenant's data may still be on the disk; erase it, or "
		        "say --failed to release it all the same",
		        mark->id);
	default:
		return sd_error_set(err, EPERM,
		        "volume %s is in state %s and may hold a tenant's data; \"solodisk erase "
		        "--no-prepare\" first",
		        mark->id, sd_state_name(mark->state));
	}
}

/*
 * A release that was cut off at its very end leaves entries without a table: still ours to clear.
 * -ENOENT: there is nothing of the kind. *ret_fd has the disk's lock.
 */
static int open_remains(
        const struct sd_disk *disk, int *ret_fd, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = sd_disk_open(disk, O_RDONLY, &fd, err);
	if (r == 0)
		r = sd_lock_disk(fd, LOCK_EX, disk->node, CLAIM_WAIT_MS, err);
	if (r == 0)
		r = sd_remains_find(fd, disk, ret_id, err);
	if (r == 0)
		return sd_error_set(err, ENOENT, "%s carries no solodisk volume", disk->node);
	if (r > 0)
		r = sd_disk_check_free(disk, fd, err);
	if (r == 0)
		*ret_fd = sd_steal_fd(fd);
	return r;
}

struct release {
	const struct tool *tool;
	bool failed_too;
	char (*ids)[SD_ID_SIZE]; /* of the volumes that were found, one a disk */
};

static int check(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err)
{
	const struct release *release = data;
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	_cleanup_close_ int fd = -1;
	int r;

	r = claim_take(disk, "release", &claim, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		return open_remains(disk, &fd, release->ids[i], err);
	}
	if (r == 0)
		r = check_state(&claim, release->failed_too, err);
	if (r == 0)
		r = claim_check_unused(&claim, err);
	if (r == 0)
		memcpy(release->ids[i], claim.volume.mark.id, SD_ID_SIZE);
	return r;
}

static int release_remains(const struct sd_disk *disk, struct outcome *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	char id[SD_ID_SIZE];
	int r;

	sd_error_clear(err);
	r = open_remains(disk, &fd, id, err);
	if (r < 0)
		return r;
	ret->touched = true;
	sd_log(LOG_NOTICE, "%s (%s): released, what was left of volume %s is no more", disk->name,
	        disk->wwid, id);
	return sd_volume_clear_remains(fd, disk, id, err);
}

static int release_one(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	const struct release *release = data;
	const char *id = release->ids[i];
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	int r;

	events->step(events->data, "check that nobody uses it");
	r = claim_take(disk, "release", &claim, err);
	if (r == -ENOENT)
		return release_remains(disk, ret, err);
	if (r == 0 && strcmp(claim.volume.mark.id, id) != 0)
		r = sd_error_set(err, ESTALE, "it changed meanwhile; look at it and repeat");
	if (r == 0)
		r = check_state(&claim, release->failed_too, err);
	if (r == 0)
		r = claim_make_idle(&claim, err);
	if (r < 0)
		return r;
	ret->touched = true;
	sd_log(LOG_NOTICE, "%s (%s): released, volume %s is no more", disk->name, disk->wwid, id);
	events->step(events->data, "table");
	return sd_volume_remove(&claim.volume, err);
}

static int report(void *data, const struct sd_disk *disk, size_t i, const struct outcome *outcome,
        struct sd_error *err)
{
	const struct release *release = data;
	sd_json *json;

	(void)outcome;
	if (!release->tool->json) {
		printf("%s: released, the disk is blank\n", disk->name);
		return 0;
	}
	json = batch_event("done", disk);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "releasedVolumeID", release->ids[i]);
	(void)sd_json_set_string(json, "state", "blank");
	return tool_print_json(json, false, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = {
		PARALLEL_OPTIONS,
		{ "failed", no_argument, NULL, 'f' },
		COMMON_OPTIONS,
	};
	_cleanup_free_ char(*ids)[SD_ID_SIZE] = NULL;
	struct parallel_arguments arguments = { 0 };
	struct release release = { .tool = tool };
	const struct parallel parallel = {
		.tool = tool,
		.arguments = &arguments,
		.question = "These disks will be blank and solodisk's no more:",
		.check = check,
		.work = { .run = release_one, .data = &release },
		.report = report,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (parallel_option(&arguments, c, optarg))
			continue;
		if (c != 'f')
			return TOOL_USAGE;
		release.failed_too = true;
	}
	if (argc - optind < 1)
		return command_usage(self, err, "which disk or volume?");
	release.ids = ids = calloc((size_t)(argc - optind), sizeof(*ids));
	if (!ids) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_REFUSED;
	}
	return parallel_run(self, &parallel, argv + optind, (size_t)(argc - optind), err);
}

const struct command cmd_release = {
	.name = "release",
	.summary = "Give a disk back: blank, and solodisk's no more",
	.arguments = "[OPTION...] DISK|VOLUME...",
	.help = "  --failed             also one in state failed, whatever is left on it\n" PARALLEL_HELP,
	.changes_disks = true,
	.run = run,
};
