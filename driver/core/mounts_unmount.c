/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "mounts_private.h"
#include "root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static bool is_on(int dir_fd, const char *name, dev_t devno)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, 0) == 0 && st.st_dev == devno;
}

/* Whether a process works in, runs from, or has open a file of the device. */
static bool process_uses(int proc_fd, const char *pid, dev_t devno)
{
	_cleanup_close_ int fd = openat(proc_fd, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *fds = NULL;
	const struct dirent *entry;
	int list;

	if (fd < 0)
		return false;
	if (is_on(fd, "cwd", devno) || is_on(fd, "root", devno) || is_on(fd, "exe", devno))
		return true;
	list = openat(fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list < 0)
		return false;
	fds = fdopendir(list);
	if (!fds) {
		(void)close(list);
		return false;
	}
	while ((entry = readdir(fds)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		        is_on(dirfd(fds), entry->d_name, devno))
			return true;
	return false;
}

void sd_mounts_name_users(dev_t devno, char *buf, size_t size)
{
	_cleanup_closedir_ DIR *proc = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], comm[64];
	size_t used = 0;

	buf[0] = '\0';
	/* The files of a dead disk answer nothing, and asking might not return. */
	if (sd_mounts_device_is_gone(devno) || sd_root_path(path, sizeof(path), "/proc") < 0)
		return;
	proc = opendir(path);
	while (proc && used + 100 < size && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid() ||
		        !process_uses(dirfd(proc), entry->d_name, devno))
			continue;
		if (sd_root_read(comm, sizeof(comm), "/proc/%s/comm", entry->d_name) < 0)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%sprocess %.20s (%.40s)",
		        used ? ", " : "", entry->d_name, comm);
	}
}

static int tell_busy(const char *dir, dev_t devno, struct sd_error *err)
{
	char users[400];

	sd_mounts_name_users(devno, users, sizeof(users));
	return sd_error_set(err, EBUSY, "%s is in use by %s", dir,
	        users[0] ? users
	                 : "something that is not seen from here (a mount below it, or a process "
	                   "of another container)");
}

/*
 * mountinfo is asked first, and the answer's number decides nothing: it is for the error's text. A
 * path whose last component is a link is not in mountinfo, and the kernel would not follow it either.
 */
int sd_mounts_unmount(const char *dir, struct sd_error *err)
{
	char path[PATH_MAX];
	struct sd_mount mount;
	dev_t devno;
	int r;

	r = sd_mounts_canonical(dir, path, sizeof(path), err);
	if (r < 0)
		return r;
	r = sd_mounts_at(path, &mount, err);
	if (r <= 0)
		return r;
	devno = mount.devno;
	sd_mount_clear(&mount);
	if (umount2(path, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EBUSY)
		return tell_busy(path, devno, err);
	return sd_error_errno(err, errno, "cannot unmount %s", path);
}
