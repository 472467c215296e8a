/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_use.h"
#include "cleanup.h"
#include "mounts.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#define LOCAL_VOLUME "/volumes/kubernetes.io~local-volume/"

int directory_use_of_mount(dev_t devno, const char *pv, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list mounts = { 0 };
	int r = sd_mounts_of_device(devno, &mounts, err);

	for (size_t i = 0; r == 0 && i < mounts.n; i++) {
		const char *found = strstr(mounts.mount[i].target, LOCAL_VOLUME);

		if (found && strcmp(found + strlen(LOCAL_VOLUME), pv) == 0)
			r = sd_error_set(err, EBUSY, "it is still mounted for a pod at %s",
			        mounts.mount[i].target);
	}
	return r;
}

/* The device that a loop device lies on; 0: none. */
static dev_t backing_of(const char *name)
{
	_cleanup_close_ int fd = -1;
	struct loop_info64 info;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/dev/%s", name) < 0)
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return 0;
	/* The kernel's huge_encode_dev(), which is glibc's dev_t for numbers of 32 bits. */
	return (dev_t)info.lo_rdevice;
}

int directory_use_of_device(dev_t devno, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/sys/block") < 0)
		return sd_error_set(err, ENAMETOOLONG, "cannot name /sys/block");
	dir = opendir(path);
	if (!dir)
		return sd_error_errno(err, errno, "cannot read %s", path);
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "loop", 4) == 0 && backing_of(entry->d_name) == devno)
			return sd_error_set(err, EBUSY,
			        "%s lies on it, as when a pod has it as a raw block volume",
			        entry->d_name);
	return 0;
}
