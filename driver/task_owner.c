/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "task.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>

#define DISK_LOCK_MS 5000u /* of the unmounting verbs' eight seconds */
#define STAGES "%s/plugins/kubernetes.io/flexvolume/solodisk/disk/mounts/%s"

int sd_task_directory(
        const struct sd_call *call, int n, char *ret_path, size_t size, struct sd_error *err)
{
	char path[PATH_MAX];
	int r = sd_call_directory(call, n, path, sizeof(path), err);

	return r < 0 ? r : sd_mounts_canonical(path, ret_path, size, err);
}

/* kubelet names a directory after the PV; without attach the stage is named by the ID alone. */
static bool id_from_name(const char *dir, char ret_id[SD_ID_SIZE])
{
	const char *name = strrchr(dir, '/');

	name = name ? name + 1 : dir;
	if (strncmp(name, SD_PV_NAME_PREFIX, strlen(SD_PV_NAME_PREFIX)) == 0)
		name += strlen(SD_PV_NAME_PREFIX);
	if (!sd_id_is_valid(name))
		return false;
	memcpy(ret_id, name, SD_ID_SIZE);
	return true;
}

/* Of a mapping its name tells, and its dm UUID that the name is right. Returns 1 or 0. */
static int id_from_mapping(dev_t devno, char ret_id[SD_ID_SIZE])
{
	char name[160], id[SD_ID_SIZE];
	struct sd_mapping mapping;

	if (sd_root_read(name, sizeof(name), "/sys/dev/block/%u:%u/dm/name", major(devno),
	            minor(devno)) < 0 ||
	        sd_id_from_mapping_name(name, id) < 0 ||
	        sd_crypt_find(id, 0, &mapping, NULL) != 1 || mapping.devno != devno)
		return 0;
	memcpy(ret_id, id, SD_ID_SIZE);
	return 1;
}

/* The disk of which a device is a partition. Returns 1; 0: of none that can be a volume's. */
static int disk_of_partition(dev_t devno, struct sd_disk *ret, struct sd_error *err)
{
	_cleanup_free_ char *real = NULL;
	char path[PATH_MAX], number[16];
	const char *name;
	int r;

	if (sd_root_read(number, sizeof(number), "/sys/dev/block/%u:%u/partition", major(devno),
	            minor(devno)) < 0)
		return 0; /* no block device, a whole disk, or gone */
	if (sd_root_path(
	            path, sizeof(path), "/sys/dev/block/%u:%u/..", major(devno), minor(devno)) == 0)
		real = realpath(path, NULL); /* .../block/sda */
	name = real ? strrchr(real, '/') : NULL;
	if (!name)
		return sd_error_set(err, EIO, "cannot tell which disk device %u:%u lies on",
		        major(devno), minor(devno));
	r = sd_disk_resolve(name + 1, ret, err);
	if (r != -ENODEV)
		return r < 0 ? r : 1;
	sd_error_clear(err); /* of a kind that solodisk does not use */
	return 0;
}

/* Of a partition the mark of its disk tells. Returns 1; 0: it is no volume's. */
static int id_from_partition(dev_t devno, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_disk disk;
	int r;

	r = disk_of_partition(devno, &disk, err);
	if (r <= 0)
		return r;
	r = sd_volume_open(&disk, LOCK_SH, DISK_LOCK_MS, &volume, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		return 0;
	}
	if (r == 0)
		r = sd_volume_partition(&volume, err);
	if (r < 0)
		return r;
	if (volume.devno != devno)
		return 0;
	memcpy(ret_id, volume.mark.id, SD_ID_SIZE);
	return 1;
}

/*
 * Another mount of the same device may be one that a record knows: the stage at least. dir itself does
 * not count: its record may be that of a mount which was there before.
 */
static int id_from_other_mounts(
        dev_t devno, const char *dir, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	int r;

	r = sd_mounts_of_device(devno, &list, err);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (strcmp(list.mount[i].target, dir) != 0)
			r = sd_record_find(list.mount[i].target, ret_id, err);
	return r;
}

int sd_task_volume_of(const char *dir, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	struct sd_mount mount = { 0 };
	bool mounted;
	dev_t devno;
	int r;

	r = sd_mounts_at(dir, &mount, err);
	if (r < 0)
		return r;
	mounted = r == 1;
	devno = mount.devno;
	sd_mount_clear(&mount);
	r = mounted ? id_from_other_mounts(devno, dir, ret_id, err) : 0;
	if (r == 0)
		r = sd_record_find(dir, ret_id, err);
	if (r != 0)
		return r;
	if (!mounted)
		return id_from_name(dir, ret_id);
	/* The records went (a wiped /run), but the mount stayed: then its device tells. */
	if (id_from_mapping(devno, ret_id))
		return 1;
	r = id_from_partition(devno, ret_id, err);
	if (r < 0)
		return sd_error_wrap(err, "cannot tell which volume is mounted at %s", dir);
	return r == 1 ? 1
	              : sd_error_set(err, EINVAL,
	                        "what is mounted at %s is not a volume of solodisk", dir);
}

int sd_task_stage_path(const struct sd_config *config, const char *name, char *ret, size_t size,
        struct sd_error *err)
{
	char root[PATH_MAX];
	int n;

	/* As mountinfo spells it: kubelet's directory may be a link. */
	n = snprintf(ret, size, STAGES,
	        realpath(config->kubelet_dir, root) ? root : config->kubelet_dir, name);
	return n >= 0 && (size_t)n < size
	        ? 0
	        : sd_error_set(err, ENAMETOOLONG, "the stage directory's path is too long");
}

int sd_task_recall_stage(struct sd_task *task, const char *target, struct sd_error *err)
{
	struct sd_mount mount = { 0 }, stage = { 0 };
	char dir[PATH_MAX];
	int r;

	if (task->record.stage)
		return 0;
	r = sd_task_stage_path(&task->call->config, task->id, dir, sizeof(dir), err);
	if (r == 0)
		r = sd_mounts_at(target, &mount, err);
	if (r == 1)
		r = sd_mounts_at(dir, &stage, err);
	if (r == 1 && stage.devno == mount.devno && strcmp(stage.root, "/") == 0) {
		task->record.devno = stage.devno;
		task->record.stage_is_ours = true;
		r = sd_record_set(&task->record.stage, dir, err);
	}
	sd_mount_clear(&mount);
	sd_mount_clear(&stage);
	return r < 0 ? r : 0;
}
