/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_entry.h"
#include "blockdev.h"
#include "cleanup.h"
#include "device.h"
#include "mounts.h"
#include "pv_local.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

int directory_entry_path(
        const struct directory *directory, const char *name, char *ret, struct sd_error *err)
{
	if (snprintf(ret, PATH_MAX, "%s/%s", directory->mount_path, name) >= PATH_MAX)
		return sd_error_set(err, ENAMETOOLONG, "its path is too long");
	return 0;
}

int directory_mount_id(int fd, int *ret, struct sd_error *err)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[128];

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %d", ret) == 1)
			return 0;
	return sd_error_set(err, EIO, "cannot tell on which mount it is");
}

/* Filesystems */

/* Nothing of the next tenant's would be kept there, or it could not be cleaned. */
static int check_filesystem(int fd, uint64_t *ret_capacity, struct sd_error *err)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) < 0)
		return sd_error_errno(err, errno, "cannot tell how large its filesystem is");
	if (vfs.f_flag & ST_RDONLY)
		return sd_error_set(err, EROFS, "it is mounted read-only");
	if (vfs.f_blocks == 0)
		return sd_error_set(err, EINVAL, "its filesystem has no capacity");
	*ret_capacity = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	return 0;
}

static int look_at_mount(const struct node_config *config, const char *path, int fd,
        struct directory_entry *entry, char *ret_root, struct sd_error *err)
{
	struct sd_mount mount;
	int r = sd_mounts_at(path, &mount, err), id;

	if (r == 0)
		return sd_error_set(err, ENOTCONN,
		        "it is a plain directory; only a mount point has a size of its own");
	if (r < 0)
		return r;
	entry->devno = mount.devno;
	entry->mount_id = mount.id;
	entry->part = strcmp(mount.root, "/") != 0;
	(void)snprintf(ret_root, PATH_MAX, "%s", mount.root);
	sd_mount_clear(&mount);
	r = directory_mount_id(fd, &id, err);
	if (r == 0 && id != entry->mount_id)
		r = sd_error_set(err, EAGAIN, "something was mounted or unmounted there just now");
	if (r == 0)
		r = directory_device_check(entry->devno, config, false, err);
	if (r == 0)
		r = check_filesystem(fd, &entry->capacity, err);
	if (r == 0)
		directory_identity_of_filesystem(entry->devno, entry->identity);
	return r;
}

static int look_at_directory(const struct node_config *config, const char *path, int fd,
        struct directory_entry *entry, char *ret_root, struct sd_error *err)
{
	if (config->directories[entry->directory].mode == VOLUME_BLOCK)
		return sd_error_set(err, EINVAL,
		        "it is a directory, and this place is for block devices and links to them");
	return look_at_mount(config, path, fd, entry, ret_root, err);
}

/* Block devices */

/* Nobody mounts it, and no mapping or array lies on it. */
static int check_unused(int fd, uint64_t *ret_capacity, struct sd_error *err)
{
	_cleanup_close_ int device = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	device = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (device < 0 && errno == EBUSY)
		return sd_error_set(
		        err, EBUSY, "the device is in use: mounted, or a part of something");
	if (device < 0)
		return sd_error_errno(err, errno, "cannot open the device");
	return sd_device_size(device, "the device", ret_capacity, err);
}

static int look_at_device(const struct node_config *config, int fd, const struct stat *st,
        struct directory_entry *entry, struct sd_error *err)
{
	int r;

	entry->devno = st->st_rdev;
	if (config->directories[entry->directory].mode == VOLUME_FILESYSTEM)
		return sd_error_set(err, EINVAL,
		        "it is a block device; kubelet would format it when a pod first uses it. "
		        "Mount a filesystem there, or set volumeMode to Block");
	r = directory_device_check(entry->devno, config, true, err);
	if (r == 0)
		r = check_unused(fd, &entry->capacity, err);
	if (r == 0 && entry->capacity == 0)
		r = sd_error_set(err, EINVAL, "the device has no medium");
	if (r == 0)
		directory_identity_of_device(entry->devno, entry->identity);
	return r;
}

/* Opens what an entry leads to: only a link to a block device is followed. */
static int open_entry(const char *path, int *ret_fd, struct stat *ret_st, struct sd_error *err)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return sd_error_errno(err, errno, "cannot open it");
	if (S_ISLNK(ret_st->st_mode)) {
		(void)close(sd_steal_fd(fd));
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			return sd_error_set(err, ENOENT, "the link leads nowhere");
		if (fd < 0 || fstat(fd, ret_st) < 0)
			return sd_error_errno(err, errno, "cannot follow the link");
		if (!S_ISBLK(ret_st->st_mode))
			return sd_error_set(err, EINVAL,
			        "it is a link, but not to a block device; bind-mount a directory");
	}
	if (!S_ISDIR(ret_st->st_mode) && !S_ISBLK(ret_st->st_mode))
		return sd_error_set(err, EINVAL,
		        "it is neither a mount point nor a block device nor a link to one");
	*ret_fd = sd_steal_fd(fd);
	return 0;
}

static int look(const struct node_config *config, struct directory_entry *entry, char *ret_root,
        struct sd_error *err)
{
	const struct directory *directory = &config->directories[entry->directory];
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	struct stat st;
	int r = directory_entry_path(directory, entry->name, path, err);

	if (r == 0 && !sd_json_is_text(entry->name))
		r = sd_error_set(err, EINVAL, "its name is no valid UTF-8");
	if (r == 0)
		r = open_entry(path, &fd, &st, err);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode))
		r = look_at_directory(config, path, fd, entry, ret_root, err);
	else
		r = look_at_device(config, fd, &st, entry, err);
	if (r == 0)
		entry->capacity = pv_local_capacity(entry->capacity);
	return r;
}

void directory_entry_look(const struct node_config *config, size_t directory, const char *name,
        struct directory_entry *ret, char *ret_root)
{
	int r;

	*ret = (struct directory_entry){
		.directory = directory,
		.mode = config->directories[directory].mode,
	};
	ret_root[0] = '\0';
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	r = look(config, ret, ret_root, &ret->err);
	if (r < 0 && ret->err.code == 0)
		(void)sd_error_errno(&ret->err, -r, "cannot look at it");
}

int directory_entry_open(const struct directory *directory, const struct directory_entry *entry,
        int *ret_fd, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	struct stat st;
	int r, id = 0;

	r = directory_entry_path(directory, entry->name, path, err);
	if (r == 0)
		r = open_entry(path, &fd, &st, err);
	if (r < 0)
		return r;
	if (S_ISBLK(st.st_mode) != (entry->mode == VOLUME_BLOCK))
		return sd_error_set(err, ESTALE, "%s is something else now", path);
	if (entry->mode == VOLUME_BLOCK) {
		if (st.st_rdev != entry->devno)
			return sd_error_set(err, ESTALE, "%s is another device now", path);
	} else {
		r = directory_mount_id(fd, &id, err);
		if (r < 0)
			return r;
		if (id != entry->mount_id)
			return sd_error_set(
			        err, ESTALE, "what was mounted at %s is not there any more", path);
	}
	*ret_fd = sd_steal_fd(fd);
	return 0;
}
