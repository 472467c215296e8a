/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "task.h"
#include "cleanup.h"
#include "filesystem.h"
#include "log.h"
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DISK_LOCK_MS 20000u /* shared, and then perhaps exclusive */

/* By hand a device may stand for the volume ID. */
static int id_from_device(const char *device, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_disk disk;
	int r;

	r = sd_disk_resolve(device, &disk, err);
	if (r == 0)
		r = sd_volume_open(&disk, LOCK_SH, DISK_LOCK_MS, &volume, err);
	if (r < 0)
		return r;
	memcpy(ret_id, volume.mark.id, SD_ID_SIZE);
	sd_volume_close(&volume);
	return 0;
}

/* A pod's author can write the options of an inline volume, but no name with a dot in it. */
static int check_name(const struct sd_task *task, const char *id, struct sd_error *err)
{
	const char *name = task->options->pv_name;
	char expected[SD_PV_NAME_SIZE];

	sd_id_pv_name(id, expected);
	if (!name || task->call->config.allow_inline || strcmp(name, expected) == 0)
		return 0;
	return sd_error_set(err, EACCES,
	        "the volume is called \"%s\", but only a PersistentVolume named %s may use this disk "
	        "(inline volumes need allowInline in the driver's .config.json)",
	        name, expected);
}

int sd_task_lock_by_options(struct sd_task *task, unsigned timeout_ms, struct sd_error *err)
{
	const struct sd_options *options = task->options;
	char id[SD_ID_SIZE];
	int r;

	memcpy(id, options->volume_id, SD_ID_SIZE);
	if (!id[0]) {
		r = id_from_device(options->device, id, err);
		if (r < 0)
			return r;
	}
	r = check_name(task, id, err);
	return r < 0 ? r : sd_task_lock(task, id, timeout_ms, err);
}

int sd_task_find(struct sd_task *task, struct sd_error *err)
{
	const char *wwid = task->options ? task->options->wwid : NULL;
	int r;

	r = sd_volume_find(task->id, wwid, LOCK_SH, DISK_LOCK_MS, &task->volume, err);
	if (r == 0)
		r = sd_volume_partition(&task->volume, err);
	if (r < 0)
		return r;
	memcpy(task->node, task->volume.node, sizeof(task->node));
	task->devno = task->volume.devno;
	return 0;
}

static int check_state(const struct sd_task *task, struct sd_error *err)
{
	const struct sd_mark *mark = &task->volume.mark;

	if (mark->state == SD_STATE_READY || mark->state == SD_STATE_USED)
		return 0;
	return sd_error_set(err, EBUSY,
	        "volume %s on %s is in state \"%s\"; only ready and used volumes are mounted (see "
	        "solodisk show %s)",
	        task->id, task->volume.disk.node, sd_state_name(mark->state),
	        task->volume.disk.name);
}

/* If a device is named beside the volume ID, they must agree. */
static int check_device(const struct sd_task *task, struct sd_error *err)
{
	const char *device = task->options->device;
	struct stat st;

	if (!device || !task->options->volume_id[0])
		return 0;
	if (stat(device, &st) < 0)
		return sd_error_errno(err, errno, "\"device\" %s", device);
	if (S_ISBLK(st.st_mode) &&
	        (st.st_rdev == task->volume.devno || st.st_rdev == task->volume.disk.devno))
		return 0;
	return sd_error_set(err, ESTALE, "\"device\" %s is not where volume %s is (that is %s)",
	        device, task->id, task->volume.node);
}

/* What the partition holds must be what the options promise, so that a swapped disk is refused. */
static int check_encryption(
        const struct sd_task *task, struct sd_content *ret_content, struct sd_error *err)
{
	_cleanup_close_ int fd = open(task->node, O_RDONLY | O_CLOEXEC);
	struct sd_content content;
	bool is_luks;
	int r;

	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", task->node);
	r = sd_probe_content(fd, task->node, &content, err);
	if (r < 0)
		return r;
	is_luks = strcmp(content.type, "crypto_LUKS") == 0;
	if (task->options->luks && !is_luks)
		return sd_error_set(err, EMEDIUMTYPE,
		        "volume %s must be encrypted, but %s holds plain %s: is this the right disk?",
		        task->id, task->node, content.type);
	if (!task->options->luks && is_luks)
		return sd_error_set(err, EMEDIUMTYPE,
		        "volume %s on %s is encrypted: the options need \"encryption\": \"luks2\" and "
		        "a \"key\"",
		        task->id, task->node);
	if (is_luks && strcmp(content.uuid, task->id) != 0)
		return sd_error_set(err, ESTALE,
		        "%s carries the mark of volume %s over the LUKS header of another (%s)",
		        task->node, task->id, content.uuid);
	*ret_content = content;
	return 0;
}

int sd_task_check(struct sd_task *task, struct sd_error *err)
{
	struct sd_content content;
	int r;

	if ((r = check_state(task, err)) < 0 || (r = check_device(task, err)) < 0 ||
	        (r = check_encryption(task, &content, err)) < 0)
		return r;
	if (task->options->luks)
		return 0; /* its filesystem can be seen when it is open */
	r = sd_filesystem_check_content(
	        &content, task->node, task->id, task->options->fs_type, task->fs_type, err);
	if (r == 0)
		r = sd_mounts_check_options(task->fs_type, task->options->mount_options, err);
	return r;
}

static int open_mapping(struct sd_task *task, struct sd_error *err)
{
	const struct sd_volume *volume = &task->volume;
	bool was_open;

	return sd_crypt_open(volume->node, volume->devno, task->id, &task->key,
	        volume->disk.rotational, &task->mapping, &was_open, err);
}

/*
 * A disk was pulled and put back, and nobody had time to close what lay on it: the stage over the dead
 * mapping goes, if it is its last mount, and then the mapping.
 */
static int clear_dead(struct sd_task *task, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	const char *stage = task->record.stage;
	struct sd_mapping mapping;
	int r;

	r = sd_crypt_find_dead(task->id, &mapping, err);
	if (r <= 0)
		return r;
	r = sd_mounts_of_device(mapping.devno, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++)
		if (!stage || strcmp(list.mount[i].target, stage) != 0)
			return sd_error_set(err, EBUSY,
			        "volume %s's disk was pulled and put back, but what was on it then is "
			        "still mounted at %s; unmount that",
			        task->id, list.mount[i].target);
	if (list.n > 0)
		r = sd_task_unmount_stage(task, &list.mount[0], err);
	return r < 0 ? r : sd_crypt_close_dead(task->id, err);
}

int sd_task_unlock(struct sd_task *task, struct sd_error *err)
{
	int r;

	if (!task->options->luks)
		return 0;
	r = clear_dead(task, err);
	if (r >= 0)
		r = sd_task_try_keys(task, open_mapping, err);
	if (r < 0)
		return r;
	memcpy(task->node, task->mapping.node, sizeof(task->node));
	task->devno = task->mapping.devno;
	r = sd_filesystem_check(task->node, task->id, task->options->fs_type, task->fs_type, err);
	if (r == 0)
		r = sd_mounts_check_options(task->fs_type, task->options->mount_options, err);
	return r;
}

/* The last step before the first write: from here on the volume counts as a tenant's. */
static int claim(struct sd_task *task, struct sd_error *err)
{
	struct sd_volume *volume = &task->volume;
	int r = 0;

	if (volume->mark.state != SD_STATE_USED || volume->mark.disk_grew)
		r = sd_volume_lock_exclusive(volume, DISK_LOCK_MS, err);
	if (r == 0 && volume->mark.state == SD_STATE_READY)
		r = sd_volume_set_state(volume, SD_STATE_USED, err);
	if (r == 0 && volume->mark.disk_grew)
		r = sd_volume_grow(volume, err);
	/* The partition may have grown before, under a mapping whose key was not at hand then. */
	if (r == 0 && task->options->luks)
		r = sd_crypt_grow(volume->node, task->id, &task->key, err);
	return r;
}

int sd_task_stage(struct sd_task *task, struct sd_error *err)
{
	struct sd_record *record = &task->record;
	struct sd_error note = SD_ERROR_INIT;
	bool was_staged;
	int r;

	r = claim(task, err);
	if (r < 0)
		return r;
	record->devno = task->devno;
	r = sd_record_write(record, err);
	if (r == 0)
		r = sd_mounts_stage(task->node, task->devno, task->fs_type,
		        task->options->mount_options, record->stage, record->stage_is_ours,
		        &was_staged, err);
	if (r < 0)
		return r;
	/* A volume that does not fail fast, or has not grown, still serves its pod. */
	if (sd_filesystem_fail_fast(task->fs_type, task->devno, &note) < 0)
		sd_log(LOG_WARNING, "volume %s: %s", task->id, note.text);
	if (sd_filesystem_grow(record->stage, task->fs_type, task->node, &note) < 0)
		sd_log(LOG_WARNING, "volume %s: %s", task->id, note.text);
	return 0;
}
