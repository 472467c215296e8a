/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "device.h"
#include "filesystem.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <xfs/xfs.h>

#define EXT4_RESIZE_FS _IOW('f', 16, uint64_t) /* EXT4_IOC_RESIZE_FS in fs/ext4/ext4.h */
#define XFS_SMALLEST_AG 64 /* XFS_MIN_AG_BLOCKS: a shorter last group is not added */

/* XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN are one number and take the same flags. */
#define SHUTDOWN _IOR('X', 125, uint32_t)
#define SHUTDOWN_NOLOGFLUSH 2

static int grow_xfs(int fd, const char *dir, uint64_t size, struct sd_error *err)
{
	struct xfs_fsop_geom_v4 geometry; /* V4: kernels before 5.2 too */
	struct xfs_growfs_data grow = { 0 };
	uint64_t blocks, rest;

	if (ioctl(fd, XFS_IOC_FSGEOMETRY_V4, &geometry) < 0)
		return sd_error_errno(err, errno, "cannot read the geometry of the xfs at %s", dir);
	blocks = size / geometry.blocksize;
	rest = blocks % geometry.agblocks;
	if (rest < XFS_SMALLEST_AG)
		blocks -= rest;
	if (blocks <= geometry.datablocks)
		return 0;
	grow.newblocks = blocks;
	grow.imaxpct = geometry.imaxpct;
	if (ioctl(fd, XFS_IOC_FSGROWFSDATA, &grow) < 0)
		return sd_error_errno(
		        err, errno, "cannot grow the xfs at %s to %" PRIu64 " blocks", dir, blocks);
	return 0;
}

/* The kernel returns 0 at once when the filesystem has this size already. */
static int grow_ext4(int fd, const char *dir, uint64_t size, struct sd_error *err)
{
	struct statfs fs;
	uint64_t blocks;

	if (fstatfs(fd, &fs) < 0)
		return sd_error_errno(err, errno, "cannot read the size of the ext4 at %s", dir);
	blocks = size / (uint64_t)fs.f_bsize;
	if (ioctl(fd, EXT4_RESIZE_FS, &blocks) < 0)
		return sd_error_errno(err, errno,
		        "cannot grow the ext4 at %s to %" PRIu64 " blocks", dir, blocks);
	return 0;
}

int sd_filesystem_grow(const char *dir, const char *type, const char *device, struct sd_error *err)
{
	_cleanup_close_ int fd = -1, device_fd = -1;
	struct stat mounted, wanted;
	uint64_t size;
	int r;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &mounted) < 0)
		return sd_error_errno(err, errno, "cannot open %s", dir);
	device_fd = open(device, O_RDONLY | O_CLOEXEC);
	if (device_fd < 0 || fstat(device_fd, &wanted) < 0)
		return sd_error_errno(err, errno, "cannot open %s", device);
	if (mounted.st_dev != wanted.st_rdev)
		return sd_error_set(err, ESTALE, "%s is not mounted at %s", device, dir);
	r = sd_device_size(device_fd, device, &size, err);
	if (r < 0)
		return r;
	if (strcmp(type, "xfs") == 0)
		return grow_xfs(fd, dir, size, err);
	if (strcmp(type, "ext4") == 0)
		return grow_ext4(fd, dir, size, err);
	return sd_error_set(err, EINVAL, "the filesystem \"%.20s\" cannot be grown", type);
}

static int write_attribute(const char *path, const char *value)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return -errno;
	return 0;
}

/* /sys/fs/xfs/<name>: the name is the one that the device had when it was mounted, its kernel name. */
int sd_filesystem_fail_fast(const char *type, dev_t devno, struct sd_error *err)
{
	static const struct {
		const char *name, *value;
	} attributes[] = {
		{ "metadata/EIO/max_retries", "0" },
		{ "metadata/ENODEV/max_retries", "0" },
		{ "metadata/default/max_retries", "0" },
		{ "fail_at_unmount", "1" },
	};
	char path[PATH_MAX], link[PATH_MAX];
	const char *name;
	ssize_t n;
	int r;

	if (strcmp(type, "xfs") != 0)
		return 0;
	if (sd_root_path(path, sizeof(path), "/sys/dev/block/%u:%u", major(devno), minor(devno)) <
	        0)
		return sd_error_set(err, ENAMETOOLONG, "the path of a device is too long");
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return sd_error_errno(err, errno, "cannot find device %u:%u in %s", major(devno),
		        minor(devno), path);
	link[n] = '\0';
	name = strrchr(link, '/') ? strrchr(link, '/') + 1 : link;
	for (size_t i = 0; i < SD_ARRAY_SIZE(attributes); i++) {
		if (sd_root_path(path, sizeof(path), "/sys/fs/xfs/%s/error/%s", name,
		            attributes[i].name) < 0)
			return sd_error_set(
			        err, ENAMETOOLONG, "the path of an attribute is too long");
		r = write_attribute(path, attributes[i].value);
		if (r < 0)
			return sd_error_errno(
			        err, -r, "cannot write %s to %s", attributes[i].value, path);
	}
	return 0;
}

/*
 * Were dir no mount point, this would shut down the node's own filesystem: so it must lie on another
 * device than the directory above it. EIO says that the filesystem was shut down before (XFS answers
 * so to everything then).
 */
int sd_filesystem_shutdown(const char *dir, const char *type, struct sd_error *err)
{
	uint32_t flags = SHUTDOWN_NOLOGFLUSH;
	_cleanup_close_ int fd = -1;
	struct stat here, above;
	const char *found;
	struct statfs fs;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &here) < 0 || fstatfs(fd, &fs) < 0) {
		if (errno == EIO)
			return 0;
		return sd_error_errno(err, errno, "cannot open %s", dir);
	}
	if (fstatat(fd, "..", &above, 0) < 0)
		return sd_error_errno(err, errno, "cannot look at the parent of %s", dir);
	if (here.st_dev == above.st_dev)
		return sd_error_set(err, ENOTCONN, "%s is no mount point of a volume", dir);
	found = fs.f_type == XFS_SUPER_MAGIC ? "xfs" : fs.f_type == EXT4_SUPER_MAGIC ? "ext4" : "";
	if (!found[0] || (type && strcmp(type, found) != 0))
		return sd_error_set(err, EMEDIUMTYPE, "what is mounted at %s is not %s", dir,
		        type ? type : "a filesystem of solodisk's");
	if (ioctl(fd, SHUTDOWN, &flags) < 0 && errno != EIO)
		return sd_error_errno(err, errno, "cannot shut down the filesystem at %s", dir);
	return 0;
}
