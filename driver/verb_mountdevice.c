/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stage, with attach: true: mountdevice and unmountdevice. */
#include "filesystem.h"
#include "log.h"
#include "task.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNMOUNT_LOCK_MS 6000u /* of the front's eight seconds */

/* waitforattach's answer, or a link: if it is a device, it must be this volume's. A link is a hint. */
static int check_device_argument(
        const struct sd_task *task, const char *device, struct sd_error *err)
{
	struct stat st;

	if (lstat(device, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev == task->volume.devno)
		return 0;
	return sd_error_set(err, ESTALE, "the device %s is not volume %s (that is %s now)", device,
	        task->id, task->volume.node);
}

/* kubelet gives mountdevice no Secret: such a volume is only checked here; mount stages it there. */
static bool key_comes_later(const struct sd_options *options)
{
	return options->luks && sd_key_spec_has(&options->key, SD_KEY_SECRET) &&
	        options->n_secrets == 0;
}

static int stage(struct sd_task *task, struct sd_error *err)
{
	int r;

	if (key_comes_later(task->options))
		return sd_task_commit(task, NULL, err);
	if ((r = sd_task_unlock(task, err)) < 0 || (r = sd_task_stage(task, err)) < 0)
		return r;
	return sd_task_commit(task, NULL, err);
}

SD_VERB(verb_mountdevice)
{
	_cleanup_options_ struct sd_options options = { 0 };
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, &options);
	struct sd_error second = SD_ERROR_INIT;
	char dir[PATH_MAX];
	int r;

	if ((r = sd_task_directory(call, 0, dir, sizeof(dir), err)) < 0 ||
	        (r = sd_call_options(call, 2, &options, err)) < 0 ||
	        (r = sd_task_lock_by_options(&task, SD_TASK_MOUNT_LOCK_MS, err)) < 0 ||
	        (r = sd_task_find(&task, err)) < 0 || (r = sd_task_check(&task, err)) < 0 ||
	        (r = check_device_argument(&task, call->args[1], err)) < 0)
		return r;
	if (task.record.stage && strcmp(task.record.stage, dir) != 0)
		return sd_error_set(err, EBUSY, "volume %s is staged at %s already", task.id,
		        task.record.stage);
	if ((r = sd_task_begin(&task, dir, dir, false, err)) < 0)
		return r;
	r = stage(&task, err);
	if (r < 0 && sd_task_roll_back(&task, &second) < 0)
		return sd_error_set(err, err->code, "%s; and it could not be taken back: %s",
		        err->text, second.text);
	if (r == 0 && key_comes_later(&options))
		(void)snprintf(answer->message, sizeof(answer->message),
		        "volume %s was checked; mount, which gets the Secret, stages it", task.id);
	return r;
}

int undo_mountdevice(const struct sd_call *call, struct sd_error *err)
{
	return undo_mount(call, err);
}

/* -EBUSY while a target is bound: kubelet's own check does not see a bind of a directory. */
static int refuse_if_used(
        const struct sd_task *task, const char *dir, dev_t devno, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	int r;

	r = sd_mounts_of_device(devno, &list, err);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (strcmp(list.mount[i].target, dir) != 0)
			return sd_error_set(err, EBUSY, "volume %s is still mounted at %s",
			        task->id, list.mount[i].target);
	return r;
}

/*
 * If the mapping is held from elsewhere, the stage comes back: without it kubelet would never call
 * again, and the volume would stay open for ever.
 */
static int close_or_stage_again(
        struct sd_task *task, const struct sd_mount *stage, struct sd_error *err)
{
	struct sd_error second = SD_ERROR_INIT;
	struct sd_mapping mapping;
	char fs_type[16] = "";
	bool was_staged;
	int r;

	r = sd_crypt_find(task->id, 0, &mapping, err);
	if (r <= 0)
		return r;
	r = sd_crypt_close(task->id, err);
	if (r != -EBUSY)
		return r;
	if (sd_filesystem_check(mapping.node, task->id, NULL, fs_type, &second) < 0 ||
	        sd_mounts_stage(mapping.node, mapping.devno, fs_type, NULL, stage->target, false,
	                &was_staged, &second) < 0)
		sd_log(LOG_ERR, "volume %s: cannot stage again: %s", task->id, second.text);
	return -EBUSY;
}

static int unstage(struct sd_task *task, const struct sd_mount *stage, struct sd_error *err)
{
	int r;

	if (task->record.stage && task->record.devno != stage->devno)
		return sd_error_set(err, EBUSY, "something else than volume %s is mounted at %s",
		        task->id, stage->target);
	if (strcmp(stage->root, "/") != 0)
		return sd_error_set(err, EINVAL, "%s is a target of volume %s, not its stage",
		        stage->target, task->id);
	r = refuse_if_used(task, stage->target, stage->devno, err);
	if (r == 0)
		r = sd_task_unmount_stage(task, stage, err);
	return r < 0 ? r : close_or_stage_again(task, stage, err);
}

SD_VERB(verb_unmountdevice)
{
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, NULL);
	struct sd_mount mount = { 0 };
	char dir[PATH_MAX];
	char id[SD_ID_SIZE];
	int r;

	(void)answer;
	r = sd_task_directory(call, 0, dir, sizeof(dir), err);
	if (r == 0)
		r = sd_task_volume_of(dir, id, err);
	if (r <= 0)
		return r;
	r = sd_task_lock(&task, id, UNMOUNT_LOCK_MS, err);
	if (r == 0)
		r = sd_mounts_at(dir, &mount, err);
	if (r == 1)
		r = unstage(&task, &mount, err);
	sd_mount_clear(&mount);
	if (r < 0)
		return r;
	r = sd_record_set(&task.record.stage, NULL, err);
	return r < 0 ? r : sd_task_release(&task, err);
}
