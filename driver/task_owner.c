/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "task.h"
#include "cleanup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#define DISK_LOCK_MS 5000u /* of the unmounting verbs' eight seconds */

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

/* Whether a device is this volume's filesystem: its mapping, or its partition. */
static int lies_on_volume(dev_t devno, const char *id, struct sd_error *err)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_mapping mapping;
	int r;

	r = sd_crypt_find(id, 0, &mapping, err);
	if (r != 0)
		return r < 0 ? r : mapping.devno == devno;
	r = sd_volume_find(id, NULL, LOCK_SH, DISK_LOCK_MS, &volume, err);
	if (r == 0)
		r = sd_volume_partition(&volume, err);
	if (r == 0)
		r = volume.devno == devno;
	sd_volume_close(&volume);
	return r;
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
	char id[SD_ID_SIZE];
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
	/* The records went (a wiped /run), but the mount stayed. */
	if (id_from_name(dir, id)) {
		r = lies_on_volume(devno, id, err);
		if (r < 0)
			return sd_error_wrap(err, "cannot tell whether %s is volume %s", dir, id);
		if (r == 1) {
			memcpy(ret_id, id, SD_ID_SIZE);
			return 1;
		}
	}
	return sd_error_set(err, EINVAL, "what is mounted at %s is not a volume of solodisk", dir);
}
