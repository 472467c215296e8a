/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "mounts_private.h"
#include "process.h"
#include "root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/*
 * Whether a link in /proc (a working directory, an open file) leads into one of these mounts. Only the
 * link's text is read: following it would ask a filesystem that may never answer (FUSE, NFS).
 */
static bool leads_into(int dir_fd, const char *name, const struct sd_mount_list *mounts)
{
	char path[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, path, sizeof(path) - 1);

	if (n < 0)
		return false;
	path[n] = '\0';
	for (size_t i = 0; i < mounts->n; i++) {
		size_t len = strlen(mounts->mount[i].target);

		if (strncmp(path, mounts->mount[i].target, len) == 0 &&
		        (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

/* Whether a process works in, runs from, or has open a file of these mounts. */
static bool process_uses(int proc_fd, const char *pid, const struct sd_mount_list *mounts)
{
	_cleanup_close_ int fd = openat(proc_fd, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *fds = NULL;
	const struct dirent *entry;
	int list;

	if (fd < 0)
		return false;
	if (leads_into(fd, "cwd", mounts) || leads_into(fd, "root", mounts) ||
	        leads_into(fd, "exe", mounts))
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
		        leads_into(dirfd(fds), entry->d_name, mounts))
			return true;
	return false;
}

void sd_mounts_name_users(dev_t devno, char *buf, size_t size)
{
	_cleanup_mount_list_ struct sd_mount_list mounts = { 0 };
	_cleanup_closedir_ DIR *proc = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], who[130];
	size_t used = 0;

	buf[0] = '\0';
	if (sd_mounts_of_device(devno, &mounts, NULL) < 0 ||
	        sd_root_path(path, sizeof(path), "/proc") < 0)
		return;
	proc = opendir(path);
	while (proc && used + sizeof(who) < size && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid() ||
		        !process_uses(dirfd(proc), entry->d_name, &mounts))
			continue;
		sd_process_describe(atoi(entry->d_name), NULL, who, sizeof(who));
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "", who);
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
