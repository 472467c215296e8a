/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing with a disk that grew: expandvolume and expandfs. */
#include "filesystem.h"
#include "task.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>

#define VOLUME_LOCK_MS 10000u /* of the front's thirty seconds */
#define DISK_LOCK_MS 10000u

/* The controller's half: a local disk is not grown by asking. No current controller calls it. */
SD_VERB(verb_expandvolume)
{
	_cleanup_options_ struct sd_options options = { 0 };
	int r = sd_call_options(call, 0, &options, err);

	(void)answer;
	return r;
}

static int grow_mapping(struct sd_task *task, struct sd_error *err)
{
	return sd_crypt_grow(task->volume.node, task->id, &task->key, err);
}

/* Partition and mapping. Returns 1: the mapping needs a key that this call does not carry. */
static int grow_below(struct sd_task *task, struct sd_error *err)
{
	struct sd_volume *volume = &task->volume;
	int r = 0;

	if (volume->mark.disk_grew) {
		r = sd_volume_lock_exclusive(volume, DISK_LOCK_MS, err);
		if (r == 0)
			r = sd_volume_grow(volume, err);
	}
	if (r < 0 || !task->options->luks)
		return r;
	r = sd_crypt_grow(volume->node, task->id, NULL, err);
	if (r != -ENOKEY)
		return r;
	sd_error_clear(err);
	if (sd_key_spec_has(&task->options->key, SD_KEY_SECRET) && task->options->n_secrets == 0)
		return 1;
	return sd_task_try_keys(task, grow_mapping, err);
}

static int grow_staged(struct sd_task *task, struct sd_answer *answer, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r;

	r = sd_task_check(task, err);
	if (r == 0)
		r = grow_below(task, err);
	if (r == 1) {
		/* A Failure would keep the pod from starting (operation_generator.go). */
		(void)snprintf(answer->message, sizeof(answer->message),
		        "volume %s grows when it is mounted next: its key is a Secret, which expandfs "
		        "is not given",
		        task->id);
		return 0;
	}
	if (r == 0 && task->options->luks) {
		r = sd_crypt_find(task->id, task->volume.devno, &mapping, err);
		if (r == 1)
			r = sd_filesystem_check(mapping.node, task->id, NULL, task->fs_type, err);
		if (r == 0)
			(void)snprintf(task->node, sizeof(task->node), "%s", mapping.node);
	}
	return r < 0 ? r : sd_filesystem_grow(task->record.stage, task->fs_type, task->node, err);
}

/* The volume is found by its ID, never by the directory, which may be a stage or a target. */
SD_VERB(verb_expandfs)
{
	_cleanup_options_ struct sd_options options = { 0 };
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, &options);
	struct sd_mount stage = { 0 };
	int r;

	if ((r = sd_call_options(call, 0, &options, err)) < 0 ||
	        (r = sd_task_lock_by_options(&task, VOLUME_LOCK_MS, err)) < 0)
		return r;
	r = task.record.stage ? sd_mounts_at(task.record.stage, &stage, err) : 0;
	sd_mount_clear(&stage);
	if (r == 0)
		(void)snprintf(answer->message, sizeof(answer->message),
		        "volume %s is not staged yet; mount grows it", task.id);
	if (r <= 0)
		return r;
	r = sd_task_find(&task, err);
	return r < 0 ? r : grow_staged(&task, answer, err);
}
