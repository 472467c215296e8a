/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The phase that knows the directory: mount and unmount. */
#include "task.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define UNMOUNT_LOCK_MS 6000u /* of the front's eight seconds */
#define UNDO_LOCK_MS 60000u   /* longer than the front waits: it must be undone all the same */

/*
 * Where this volume is staged: where mountdevice put it, else where kubelet's unmountdevice will look
 * (attach: true), else by the volume's ID, for us to take away again.
 */
static int choose_stage(const struct sd_task *task, char *ret_dir, size_t size, bool *ret_ours,
        struct sd_error *err)
{
	const struct sd_config *config = &task->call->config;
	const char *pv_name = task->options->pv_name;
	const char *name = config->attach && pv_name ? pv_name : task->id;
	int n;

	if (!task->record.stage) {
		*ret_ours = name == task->id;
		return sd_task_stage_path(config, name, ret_dir, size, err);
	}
	*ret_ours = task->record.stage_is_ours;
	n = snprintf(ret_dir, size, "%s", task->record.stage);
	return n >= 0 && (size_t)n < size
	        ? 0
	        : sd_error_set(err, ENAMETOOLONG, "the stage directory's path is too long");
}

/* Everything after "find, check": whatever fails here is rolled back by the caller. */
static int do_mount(struct sd_task *task, const char *target, struct sd_error *err)
{
	bool read_only = task->options->read_only;
	bool was_bound;
	int r;

	if ((r = sd_task_unlock(task, err)) < 0 || (r = sd_task_stage(task, err)) < 0)
		return r;
	if (sd_call_is_abandoned())
		return sd_error_set(err, ETIMEDOUT, "the call was given up meanwhile");
	r = sd_mounts_bind_data(
	        task->record.stage, task->devno, target, read_only, &was_bound, err);
	if (r == 0)
		r = sd_mounts_verify(target, task->devno, read_only, err);
	return r < 0 ? r : sd_task_commit(task, target, err);
}

/*
 * A call that is repeated: nothing is begun, so nothing of the first call can be rolled back. The mount
 * must lie on the disk that was found now: one that was pulled and put back has another number.
 */
static bool is_done_already(const struct sd_task *task, const char *target)
{
	struct sd_mapping mapping;
	dev_t devno = task->devno;

	if (!sd_record_has_target(&task->record, target))
		return false;
	if (task->options->luks) {
		if (sd_crypt_find(task->id, task->volume.devno, &mapping, NULL) != 1)
			return false;
		devno = mapping.devno;
	}
	return sd_mounts_verify(target, devno, task->options->read_only, NULL) == 0;
}

/* kubelet takes any mount at the target for a success, so a failure leaves none. */
static int roll_back(struct sd_task *task, struct sd_error *err)
{
	struct sd_error second = SD_ERROR_INIT;

	if (sd_task_roll_back(task, &second) < 0)
		return sd_error_set(err, err->code, "%s; and it could not be taken back: %s",
		        err->text, second.text);
	return -err->code;
}

SD_VERB(verb_mount)
{
	_cleanup_options_ struct sd_options options = { 0 };
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, &options);
	char target[PATH_MAX];
	char stage[PATH_MAX];
	bool ours;
	int r;

	(void)answer;
	if ((r = sd_task_directory(call, 0, target, sizeof(target), err)) < 0 ||
	        (r = sd_call_options(call, 1, &options, err)) < 0 ||
	        (r = sd_task_lock_by_options(&task, SD_TASK_MOUNT_LOCK_MS, err)) < 0 ||
	        (r = sd_task_find(&task, err)) < 0 || (r = sd_task_check(&task, err)) < 0)
		return r;
	if (is_done_already(&task, target))
		return sd_record_write(&task.record, err);
	if ((r = sd_mounts_check_target(target, err)) < 0 ||
	        (r = choose_stage(&task, stage, sizeof(stage), &ours, err)) < 0 ||
	        (r = sd_task_begin(&task, target, stage, ours, err)) < 0)
		return r;
	r = do_mount(&task, target, err);
	return r < 0 ? roll_back(&task, err) : 0;
}

int undo_mount(const struct sd_call *call, struct sd_error *err)
{
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, NULL);
	char target[PATH_MAX];
	char id[SD_ID_SIZE];
	int r;

	r = sd_task_directory(call, 0, target, sizeof(target), err);
	if (r == 0)
		r = sd_record_find(target, id, err);
	if (r <= 0)
		return r; /* it had not begun */
	r = sd_task_lock(&task, id, UNDO_LOCK_MS, err);
	if (r < 0 || strcmp(task.record.call, call->token) != 0)
		return r; /* another call has the volume now, and has looked after it */
	return sd_task_roll_back(&task, err);
}

/* What somebody mounted over the target is not ours to take away. */
static int unmount_target(struct sd_task *task, const char *target, struct sd_error *err)
{
	const struct sd_record *record = &task->record;
	struct sd_mount mount = { 0 };
	bool foreign;
	int r;

	r = sd_mounts_at(target, &mount, err);
	if (r <= 0)
		return r;
	foreign = record->stage && record->devno != mount.devno;
	sd_mount_clear(&mount);
	if (foreign)
		return sd_error_set(err, EBUSY,
		        "something else is mounted over volume %s at %s; unmount that first",
		        task->id, target);
	return sd_mounts_unmount(target, err);
}

SD_VERB(verb_unmount)
{
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, NULL);
	struct sd_error second = SD_ERROR_INIT;
	char target[PATH_MAX];
	char id[SD_ID_SIZE];
	int r;

	(void)answer;
	r = sd_task_directory(call, 0, target, sizeof(target), err);
	if (r == 0)
		r = sd_task_volume_of(target, id, err);
	if (r <= 0)
		return r; /* no mount any more, and nobody's: done */
	r = sd_task_lock(&task, id, UNMOUNT_LOCK_MS, err);
	if (r == 0)
		r = sd_task_recall_stage(&task, target, err);
	if (r == 0 && task.record.stage && strcmp(target, task.record.stage) == 0)
		r = sd_error_set(
		        err, EINVAL, "%s is the stage of volume %s, not a target", target, id);
	if (r == 0)
		r = unmount_target(&task, target, err);
	if (r < 0)
		return r;
	sd_record_remove_target(&task.record, target);
	r = sd_task_release(&task, err);
	if (r == -EBUSY && sd_record_add_target(&task.record, target, &second) == 0)
		(void)sd_record_write(&task.record, &second); /* for the call that tries again */
	return r;
}
