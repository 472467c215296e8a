/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opened.h"
#include "cleanup.h"
#include "directory_use.h"
#include "root.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	int r = directory_use_of_device(devno, err);

	if (r < 0)
		return r;
	if (sd_root_path(path, sizeof(path), "/proc") < 0)
		return sd_error_set(err, ENAMETOOLONG, "cannot name /proc");
	dir = opendir(path);
	if (!dir)
		return sd_error_errno(err, errno, "cannot read %s", path);
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
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
