/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk release: gives a disk back, blank. */

#include "ask.h"
#include "batch.h"
#include "claim.h"
#include "cleanup.h"
#include "commands.h"
#include "lock.h"
#include "log.h"
#include "remains.h"
#include "which.h"

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

static int check(
        const struct sd_disk *disk, bool failed_too, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	_cleanup_close_ int fd = -1;
	int r;

	r = claim_take(disk, "release", &claim, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		return open_remains(disk, &fd, ret_id, err);
	}
	if (r == 0)
		r = check_state(&claim, failed_too, err);
	if (r == 0)
		r = claim_check_unused(&claim, err);
	if (r == 0)
		memcpy(ret_id, claim.volume.mark.id, SD_ID_SIZE);
	return r;
}

static int release_remains(const struct sd_disk *disk, bool *ret_touched, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	char id[SD_ID_SIZE];
	int r;

	sd_error_clear(err);
	r = open_remains(disk, &fd, id, err);
	if (r < 0)
		return r;
	*ret_touched = true;
	sd_log(LOG_NOTICE, "%s (%s): released, what was left of volume %s is no more", disk->name,
	        disk->wwid, id);
	return sd_volume_clear_remains(fd, disk, id, err);
}

static int release(const struct sd_disk *disk, const char *id, bool failed_too, bool *ret_touched,
        struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	int r;

	r = claim_take(disk, "release", &claim, err);
	if (r == -ENOENT)
		return release_remains(disk, ret_touched, err);
	if (r == 0 && strcmp(claim.volume.mark.id, id) != 0)
		r = sd_error_set(err, ESTALE, "it changed meanwhile; look at it and repeat");
	if (r == 0)
		r = check_state(&claim, failed_too, err);
	if (r == 0)
		r = claim_make_idle(&claim, err);
	if (r < 0)
		return r;
	*ret_touched = true;
	sd_log(LOG_NOTICE, "%s (%s): released, volume %s is no more", disk->name, disk->wwid, id);
	return sd_volume_remove(&claim.volume, err);
}

static int report(
        const struct tool *tool, const struct sd_disk *disk, const char *id, struct sd_error *err)
{
	sd_json *json;

	if (!tool->json) {
		printf("%s: released, the disk is blank\n", disk->name);
		return 0;
	}
	json = batch_event("done", disk);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "releasedVolumeID", id);
	(void)sd_json_set_string(json, "state", "blank");
	return tool_print_json(json, false, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "failed", no_argument, NULL, 'f' },
		COMMON_OPTIONS,
	};
	bool yes = false, failed_too = false, touched = false;
	char id[SD_ID_SIZE];
	struct sd_disk disk;
	int c, r;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c != 'y' && c != 'f')
			return TOOL_USAGE;
		yes = yes || c == 'y';
		failed_too = failed_too || c == 'f';
	}
	if (argc - optind != 1)
		return command_usage(self, err, "release takes one disk or volume");
	r = which_disk(argv[optind], &disk, err);
	if (r == 0)
		r = check(&disk, failed_too, id, err);
	if (r == 0 && !yes)
		r = ask_yes(tool, "This disk will be blank and solodisk's no more:", &disk, 1, err);
	if (r == 0)
		r = release(&disk, id, failed_too, &touched, err);
	if (r == 0)
		r = report(tool, &disk, id, err);
	if (r == 0)
		return TOOL_OK;
	return touched ? TOOL_FAILED : tool_exit_code(err);
}

const struct command cmd_release = {
	.name = "release",
	.summary = "Give a disk back: blank, and solodisk's no more",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = "  --yes                do not ask\n"
	        "  --failed             also one in state failed, whatever is left on it\n",
	.changes_disks = true,
	.run = run,
};
