/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "task.h"
#include "cleanup.h"
#include "filesystem.h"
#include "lock.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The mount at the record's stage. Returns 1 and fills ret, or 0: not staged; what else is mounted
 * there is somebody else's. */
static int find_stage(const struct sd_task *task, struct sd_mount *ret, struct sd_error *err)
{
	struct sd_mount mount;
	int r = task->record.stage ? sd_mounts_at(task->record.stage, &mount, err) : 0;

	if (r <= 0)
		return r;
	if (mount.devno != task->record.devno) {
		sd_mount_clear(&mount);
		return 0;
	}
	*ret = mount;
	return 1;
}

/* Whether data/ of what is staged is mounted at dir. */
static bool is_bound(const struct sd_task *task, const char *dir)
{
	struct sd_mount stage = { 0 };
	struct sd_mount mount = { 0 };
	bool bound;

	bound = find_stage(task, &stage, NULL) == 1 && sd_mounts_at(dir, &mount, NULL) == 1 &&
	        mount.devno == stage.devno && strcmp(mount.root, "/data") == 0;
	sd_mount_clear(&stage);
	sd_mount_clear(&mount);
	return bound;
}

int sd_task_lock(struct sd_task *task, const char *id, unsigned timeout_ms, struct sd_error *err)
{
	int r;

	memcpy(task->id, id, SD_ID_SIZE);
	r = sd_lock_volume(task->id, task->call->verb, timeout_ms, &task->lock_fd, err);
	if (r == 0)
		r = sd_record_read(task->id, &task->record, err);
	if (r < 0 || task->call->undo)
		return r;
	if (task->record.doing && !task->record.committed && is_bound(task, task->record.doing)) {
		/* All but this note was done, and kubelet takes what is mounted for a success. */
		r = sd_record_add_target(&task->record, task->record.doing, err);
		if (r < 0)
			return r;
	} else if (task->record.doing && !task->record.committed) {
		sd_log(LOG_WARNING, "volume %s: a call on %s died half-way; taking it back",
		        task->id, task->record.doing);
		r = sd_task_roll_back(task, err);
		if (r < 0)
			return sd_error_wrap(err, "taking back what an earlier call left");
	}
	/* Whoever made the last change has answered by now, or will find that it is no longer its. */
	task->record.call[0] = '\0';
	task->record.stage_is_new = false;
	return sd_record_set(&task->record.doing, NULL, err);
}

int sd_task_begin(
        struct sd_task *task, const char *dir, const char *stage, bool ours, struct sd_error *err)
{
	struct sd_record *record = &task->record;
	struct sd_mount mount = { 0 };
	char other[SD_ID_SIZE];
	int r;

	r = sd_record_find(stage, other, err);
	if (r < 0)
		return r;
	if (r == 1 && strcmp(other, task->id) != 0)
		return sd_error_set(
		        err, EEXIST, "the stage directory %s belongs to volume %s", stage, other);
	r = sd_mounts_at(stage, &mount, err);
	if (r < 0)
		return r;
	record->stage_is_new = r == 0;
	sd_mount_clear(&mount);
	record->stage_is_ours = ours;
	record->committed = false;
	(void)snprintf(record->call, sizeof(record->call), "%s", task->call->token);
	if ((r = sd_record_set(&record->doing, dir, err)) < 0 ||
	        (r = sd_record_set(&record->stage, stage, err)) < 0)
		return r;
	return sd_record_write(record, err);
}

int sd_task_commit(struct sd_task *task, const char *target, struct sd_error *err)
{
	int r = target ? sd_record_add_target(&task->record, target, err) : 0;

	if (r < 0)
		return r;
	task->record.committed = true;
	return sd_record_write(&task->record, err);
}

/* Unmounts the target of the call in flight, if what is mounted there is a bind of our stage. */
static int unbind_unfinished(struct sd_task *task, struct sd_error *err)
{
	struct sd_record *record = &task->record;
	int r = 0;

	if (strcmp(record->doing, record->stage) == 0)
		return 0;
	if (is_bound(task, record->doing))
		r = sd_mounts_unmount(record->doing, err);
	if (r < 0)
		return r;
	sd_record_remove_target(record, record->doing);
	return 0;
}

static bool is_staged(const struct sd_task *task)
{
	struct sd_mount stage = { 0 };
	int r = find_stage(task, &stage, NULL);

	sd_mount_clear(&stage);
	return r != 0; /* "could not tell" is no reason to forget it */
}

int sd_task_roll_back(struct sd_task *task, struct sd_error *err)
{
	struct sd_record *record = &task->record;
	bool was_staging;
	int r = 0;

	was_staging = record->doing && record->stage && strcmp(record->doing, record->stage) == 0;
	if (record->doing && record->stage)
		r = unbind_unfinished(task, err);
	if (r < 0)
		return r;
	record->call[0] = '\0';
	(void)sd_record_set(&record->doing, NULL, NULL);
	r = sd_task_release(task, err);
	if (r < 0 || !was_staging || is_staged(task))
		return r;
	(void)sd_record_set(&record->stage, NULL, NULL);
	return sd_record_write(record, err);
}

/* How many mounts use the device besides the stage. */
static int count_users(dev_t devno, const char *stage, size_t *ret, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	size_t n = 0;
	int r;

	r = sd_mounts_of_device(devno, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++)
		if (!stage || strcmp(list.mount[i].target, stage) != 0)
			n++;
	*ret = n;
	return 0;
}

int sd_task_unmount_stage(struct sd_task *task, const struct sd_mount *stage, struct sd_error *err)
{
	struct sd_error note = SD_ERROR_INIT;

	if (sd_mounts_device_is_gone(stage->devno) &&
	        sd_filesystem_shutdown(
	                stage->target, task->fs_type[0] ? task->fs_type : NULL, &note) < 0)
		sd_log(LOG_WARNING, "volume %s: %s", task->id, note.text);
	return sd_mounts_unmount(stage->target, err);
}

/* Unmounts the stage if this is for us to do and nobody uses it. Returns 1: not staged (any more). */
static int unstage_unused(struct sd_task *task, struct sd_error *err)
{
	const struct sd_record *record = &task->record;
	struct sd_mount stage = { 0 };
	size_t users = 0;
	int r;

	r = find_stage(task, &stage, err);
	if (r <= 0)
		return r < 0 ? r : 1;
	r = count_users(stage.devno, stage.target, &users, err);
	if (r == 0 && users == 0 && (record->stage_is_ours || record->stage_is_new)) {
		r = sd_task_unmount_stage(task, &stage, err);
		if (r == 0)
			r = 1;
	}
	sd_mount_clear(&stage);
	return r;
}

/* A mapping without a mount is closed. -EBUSY: it is held from elsewhere. */
static int close_unused_mapping(struct sd_task *task, struct sd_error *err)
{
	struct sd_mapping mapping;
	size_t users = 0;
	int r;

	r = sd_crypt_find(task->id, 0, &mapping, err);
	if (r == -EEXIST) {
		sd_log(LOG_WARNING, "volume %s: %s", task->id, err->text);
		sd_error_clear(err);
		return 0;
	}
	if (r <= 0)
		return r;
	r = count_users(mapping.devno, NULL, &users, err);
	if (r < 0 || users > 0)
		return r;
	r = sd_crypt_close(task->id, err);
	if (r == -EBUSY && mapping.reencrypting) {
		sd_log(LOG_INFO, "volume %s is being re-encrypted, and closed when that is done",
		        task->id);
		sd_error_clear(err);
		return 0;
	}
	return r;
}

int sd_task_release(struct sd_task *task, struct sd_error *err)
{
	struct sd_record *record = &task->record;
	struct sd_error second = SD_ERROR_INIT;
	int r;

	r = unstage_unused(task, err);
	if (r == 1) {
		/* Without a stage no target is mounted: what is still noted was unmounted by hand. */
		while (record->n_targets > 0)
			sd_record_remove_target(record, record->targets[0]);
		if (record->stage && record->stage_is_ours) {
			(void)rmdir(record->stage);
			(void)sd_record_set(&record->stage, NULL, NULL);
		}
		record->stage_is_new = false;
		r = close_unused_mapping(task, err);
	}
	if (r >= 0)
		return sd_record_write(record, err);
	if (sd_record_write(record, &second) < 0) /* what was done is done */
		sd_log(LOG_ERR, "volume %s: %s", task->id, second.text);
	return r;
}

void sd_task_end(struct sd_task *task)
{
	sd_volume_close(&task->volume);
	sd_key_free(&task->key);
	sd_record_free(&task->record);
	if (task->lock_fd >= 0)
		(void)close(task->lock_fd);
	task->lock_fd = -1;
}
