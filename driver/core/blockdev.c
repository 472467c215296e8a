/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blockdev.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blkpg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define CHUNK (1ull << 20)
#define ALIGNMENT 4096 /* of memory, for O_DIRECT on every sector size that the kernel has */

int sd_blockdev_errno(int code)
{
	return code == ENODATA ? EIO : code;
}

int sd_blockdev_reopen(int fd, int flags, int *ret_fd, struct sd_error *err)
{
	char path[64];
	int new_fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	new_fd = open(path, flags | O_CLOEXEC);
	if (new_fd < 0 && errno == EINVAL && (flags & O_DIRECT))
		new_fd = open(path, (flags & ~O_DIRECT) | O_CLOEXEC);
	if (new_fd < 0 && errno == ENOENT)
		return sd_error_set(
		        err, ENODEV, "cannot open the disk again: there is no %s", path);
	if (new_fd < 0)
		return sd_error_errno(err, errno, "cannot open the disk again");
	*ret_fd = new_fd;
	return 0;
}

static int blockdev_transfer(
        int fd, void *buf, size_t len, uint64_t offset, bool write, struct sd_error *err)
{
	size_t done = 0;

	while (done < len) {
		char *p = (char *)buf + done;
		off_t at = (off_t)(offset + done);
		ssize_t n = write ? pwrite(fd, p, len - done, at) : pread(fd, p, len - done, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sd_error_errno(err, n < 0 ? sd_blockdev_errno(errno) : EIO,
			        "cannot %s at byte %" PRIu64, write ? "write" : "read",
			        offset + done);
		done += (size_t)n;
	}
	return 0;
}

int sd_blockdev_read(int fd, void *buf, size_t len, uint64_t offset, struct sd_error *err)
{
	return blockdev_transfer(fd, buf, len, offset, false, err);
}

int sd_blockdev_write(int fd, const void *buf, size_t len, uint64_t offset, struct sd_error *err)
{
	/* it is only read from, but shares its loop with reading */
	return blockdev_transfer(fd, (void *)(uintptr_t)buf, len, offset, true, err);
}

static int blockdev_buffer(unsigned char **ret, struct sd_error *err)
{
	int rc = posix_memalign((void **)ret, ALIGNMENT, CHUNK);

	return rc ? sd_error_errno(err, rc, "cannot get memory") : 0;
}

int sd_blockdev_is_zero(
        int fd, uint64_t offset, uint64_t len, uint64_t *ret_at, struct sd_error *err)
{
	_cleanup_free_ unsigned char *buf = NULL;
	int rc = blockdev_buffer(&buf, err);
	uint64_t done, n;
	size_t i;

	if (rc < 0)
		return rc;
	for (done = 0; done < len; done += n) {
		n = len - done < CHUNK ? len - done : CHUNK;
		rc = blockdev_transfer(fd, buf, n, offset + done, false, err);
		if (rc < 0)
			return rc;
		for (i = 0; i < n; i++) {
			if (!buf[i])
				continue;
			if (ret_at)
				*ret_at = offset + done + i;
			return 0;
		}
	}
	return 1;
}

int sd_blockdev_zero(int fd, uint64_t offset, uint64_t len, struct sd_error *err)
{
	_cleanup_free_ unsigned char *buf = NULL;
	int rc = blockdev_buffer(&buf, err);
	uint64_t done, n, at = 0;

	if (rc < 0)
		return rc;
	memset(buf, 0, CHUNK);
	for (done = 0; done < len; done += n) {
		n = len - done < CHUNK ? len - done : CHUNK;
		rc = blockdev_transfer(fd, buf, n, offset + done, true, err);
		if (rc < 0)
			return rc;
	}
	if (fsync(fd) < 0)
		return sd_error_errno(err, sd_blockdev_errno(errno), "cannot flush the disk");
	rc = sd_blockdev_is_zero(fd, offset, len, &at, err);
	if (rc == 0)
		return sd_error_set(err, EIO,
		        "byte %" PRIu64 " was written as zero but reads otherwise: the disk is bad",
		        at);
	return rc < 0 ? rc : 0;
}

bool sd_blockdev_is_image(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int blockdev_blkpg(int fd, int op, unsigned number, uint64_t start, uint64_t size)
{
	struct blkpg_partition p = {
		.start = (long long)start,
		.length = (long long)size,
		.pno = (int)number,
	};
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(p), .data = &p };

	if (sd_blockdev_is_image(fd))
		return 0;
	return ioctl(fd, BLKPG, &arg) < 0 ? -errno : 0;
}

int sd_blockdev_add_partition(
        int fd, unsigned number, uint64_t start, uint64_t size, struct sd_error *err)
{
	int rc = blockdev_blkpg(fd, BLKPG_ADD_PARTITION, number, start, size);

	return rc < 0 ? sd_error_errno(err, -rc, "the kernel does not take partition %u", number)
	              : 0;
}

int sd_blockdev_delete_partition(int fd, unsigned number, struct sd_error *err)
{
	int rc = blockdev_blkpg(fd, BLKPG_DEL_PARTITION, number, 0, 0);

	return rc < 0
	        ? sd_error_errno(err, -rc, "the kernel does not let go of partition %u", number)
	        : 0;
}

int sd_blockdev_resize_partition(
        int fd, unsigned number, uint64_t start, uint64_t size, struct sd_error *err)
{
	int rc = blockdev_blkpg(fd, BLKPG_RESIZE_PARTITION, number, start, size);

	return rc < 0 ? sd_error_errno(err, -rc, "the kernel does not resize partition %u", number)
	              : 0;
}
