/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "mounts_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/*
 * data/ was made by mkfs, and its owner may since have done to it whatever a tenant can. So it is
 * opened without following anything, and never across a mount. openat2 exists since Linux 5.6; before
 * that O_NOFOLLOW and a look at st_dev say the same of a single component.
 */
static int open_data(const char *stage, dev_t devno, int *ret_fd, struct sd_error *err)
{
	struct open_how how = {
		.flags = DIRECTORY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV |
		        RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int stage_fd = -1, fd = -1;
	struct stat st;

	stage_fd = open(stage, DIRECTORY);
	if (stage_fd < 0 || fstat(stage_fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot open the stage %s", stage);
	if (st.st_dev != devno)
		return sd_error_set(err, ESTALE, "the stage %s carries device %u:%u, not %u:%u",
		        stage, major(st.st_dev), minor(st.st_dev), major(devno), minor(devno));
	fd = (int)syscall(SYS_openat2, stage_fd, "data", &how, sizeof(how));
	if (fd < 0 && errno == ENOSYS)
		fd = openat(stage_fd, "data", DIRECTORY);
	if (fd < 0 && errno == ENOENT)
		return sd_error_set(err, ENOENT,
		        "the volume at %s has no data/ directory: solodisk did not prepare it, or an "
		        "administrator removed it",
		        stage);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(err, errno,
		        "%s/data cannot be used: it must be a directory of the volume itself, no link",
		        stage);
	if (st.st_dev != devno)
		return sd_error_set(
		        err, EXDEV, "%s/data is a mount point of something else", stage);
	*ret_fd = sd_steal_fd(fd);
	return 0;
}

static int open_target(const char *target, int *ret_fd, bool *ret_made, struct sd_error *err)
{
	bool made = false;
	int fd;

	fd = open(target, DIRECTORY);
	if (fd < 0 && errno == ENOENT) {
		if (mkdir(target, 0750) < 0)
			return sd_error_errno(err, errno, "cannot make the target %s", target);
		made = true;
		fd = open(target, DIRECTORY);
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return sd_error_set(
		        err, ENOTDIR, "the target %s is a link or no directory", target);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open the target %s", target);
	*ret_fd = fd;
	*ret_made = made;
	return 0;
}

/* Returns 0, -ENOSYS when this kernel lacks one of the calls, or another error. Nothing stays behind. */
static int bind_detached(int data_fd, int target_fd, bool read_only)
{
	struct mount_attr read_only_attr = { .attr_set = MOUNT_ATTR_RDONLY };
	_cleanup_close_ int tree = -1;

	tree = open_tree(data_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return -errno;
	if (read_only &&
	        mount_setattr(tree, "", AT_EMPTY_PATH, &read_only_attr, sizeof(read_only_attr)) < 0)
		return -errno;
	if (move_mount(tree, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
	        0)
		return -errno;
	return 0;
}

/* The flags that a remount has to repeat, else it would drop them. */
static unsigned long flags_of(int fd)
{
	static const struct {
		unsigned long statvfs, mount;
	} map[] = {
		{ ST_NOSUID, MS_NOSUID },
		{ ST_NODEV, MS_NODEV },
		{ ST_NOEXEC, MS_NOEXEC },
		{ ST_NOATIME, MS_NOATIME },
		{ ST_NODIRATIME, MS_NODIRATIME },
		{ ST_RELATIME, MS_RELATIME },
	};
	unsigned long flags = 0;
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) < 0)
		return 0;
	for (size_t i = 0; i < SD_ARRAY_SIZE(map); i++)
		if (vfs.f_flag & map[i].statvfs)
			flags |= map[i].mount;
	return flags;
}

/* For kernels before 5.2, or before 5.12 for a read-only one: it is writable for a moment. */
static int bind_and_remount(int data_fd, int target_fd, const char *target, bool read_only)
{
	char from[64], to[64];
	int code;

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", data_fd);
	(void)snprintf(to, sizeof(to), "/proc/self/fd/%d", target_fd);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return -errno;
	/* By its path: target_fd is the directory under the new mount. */
	if (!read_only ||
	        mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags_of(data_fd),
	                NULL) == 0)
		return 0;
	code = errno;
	(void)umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH);
	return -code;
}

/* Returns 1: the very mount that is wanted is there already, 0: nothing is there. */
static int look_at_target(const char *target, dev_t devno, bool read_only, struct sd_error *err)
{
	struct sd_mount mount;
	int r;

	r = sd_mounts_at(target, &mount, err);
	if (r <= 0)
		return r;
	if (mount.devno == devno && strcmp(mount.root, "/data") == 0 &&
	        mount.read_only == read_only)
		r = 1;
	else
		r = sd_error_set(err, EBUSY, "%s already carries %s of device %u:%u, %s", target,
		        mount.root, major(mount.devno), minor(mount.devno),
		        mount.read_only ? "read-only" : "read-write");
	sd_mount_clear(&mount);
	return r;
}

int sd_mounts_check_target(const char *target, struct sd_error *err)
{
	char path[PATH_MAX], parent[PATH_MAX];
	struct sd_mount mount;
	struct stat st;
	int r;

	r = sd_mounts_canonical(target, path, sizeof(path), err);
	if (r == 0)
		r = sd_mounts_at(path, &mount, err);
	if (r < 0)
		return r;
	if (r > 0) {
		r = sd_error_set(err, EBUSY,
		        "%s already carries a mount (%s of device %u:%u, %s); unmount it first",
		        path, mount.root, major(mount.devno), minor(mount.devno),
		        mount.read_only ? "read-only" : "read-write");
		sd_mount_clear(&mount);
		return r;
	}
	if (lstat(path, &st) == 0)
		return S_ISDIR(st.st_mode)
		        ? 0
		        : sd_error_set(
		                  err, ENOTDIR, "the target %s is a link or no directory", path);
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (errno != ENOENT || (parent[0] && stat(parent, &st) < 0))
		return sd_error_errno(err, errno, "cannot use the target %s", path);
	return 0;
}

int sd_mounts_bind_data(const char *stage, dev_t devno, const char *target, bool read_only,
        bool *ret_was_bound, struct sd_error *err)
{
	_cleanup_close_ int data_fd = -1, target_fd = -1;
	char path[PATH_MAX];
	bool made;
	int r;

	r = sd_mounts_canonical(target, path, sizeof(path), err);
	if (r < 0)
		return r;
	r = look_at_target(path, devno, read_only, err);
	if (r < 0)
		return r;
	if (r > 0) {
		*ret_was_bound = true;
		return 0;
	}
	r = open_data(stage, devno, &data_fd, err);
	if (r < 0)
		return r;
	r = open_target(path, &target_fd, &made, err);
	if (r < 0)
		return r;
	r = bind_detached(data_fd, target_fd, read_only);
	if (r == -ENOSYS)
		r = bind_and_remount(data_fd, target_fd, path, read_only);
	if (r < 0) {
		if (made)
			(void)rmdir(path);
		return sd_error_errno(err, -r, "cannot bind %s/data to %s", stage, path);
	}
	*ret_was_bound = false;
	return 0;
}
