/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define EDGE (1u << 20)

int sd_device_size(int fd, const char *path, uint64_t *ret_size, struct sd_error *err)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot look at %s", path);
	if (S_ISREG(st.st_mode))
		size = (uint64_t)st.st_size;
	else if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return sd_error_errno(err, errno, "cannot tell the size of %s", path);
	*ret_size = size;
	return 0;
}

static int zero(int fd, uint64_t offset, uint64_t len)
{
	static const char zeroes[65536];

	while (len > 0) {
		ssize_t n = pwrite(
		        fd, zeroes, len < sizeof(zeroes) ? len : sizeof(zeroes), (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int sd_device_wipe_edges(const char *path, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	uint64_t size, edge;
	int r;

	fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		return sd_error_set(err, EBUSY, "%s is mounted or held by something", path);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s for writing", path);
	r = sd_device_size(fd, path, &size, err);
	if (r < 0)
		return r;
	edge = size < EDGE ? size : EDGE;
	r = zero(fd, 0, edge);
	if (r == 0)
		r = zero(fd, size - edge, edge);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? sd_error_errno(err, -r, "cannot clear the edges of %s", path) : 0;
}
