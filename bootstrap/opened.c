/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opened.h"
#include "cleanup.h"
#include "root.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

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

int opened_by_loop(dev_t devno, struct sd_error *err)
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

/* A process that ends meanwhile has nothing open any more; of one that cannot be looked at nobody knows. */
static int has_open(const char *pid, dev_t devno, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	struct stat st;

	if (sd_root_path(path, sizeof(path), "/proc/%s/fd", pid) < 0)
		return sd_error_set(err, ENAMETOOLONG, "cannot name what process %s has open", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT
		        ? 0
		        : sd_error_errno(err, errno, "cannot see what process %s has open", pid);
	while ((entry = readdir(dir)))
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISBLK(st.st_mode) &&
		        st.st_rdev == devno)
			return 1;
	return 0;
}

int opened_check(dev_t devno, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], name[64];
	int r = opened_by_loop(devno, err);

	if (r < 0)
		return r;
	if (sd_root_path(path, sizeof(path), "/proc") < 0)
		return sd_error_set(err, ENAMETOOLONG, "cannot name /proc");
	dir = opendir(path);
	if (!dir)
		return sd_error_errno(err, errno, "cannot read %s", path);
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid())
			continue;
		r = has_open(entry->d_name, devno, err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		(void)sd_root_read(name, sizeof(name), "/proc/%s/comm", entry->d_name);
		return sd_error_set(err, EBUSY, "process %s (%s) has it open", entry->d_name, name);
	}
	return 0;
}
