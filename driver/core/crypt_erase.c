/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "crypt.h"
#include "crypt_private.h"
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define CHUNK (1u << 20)
#define ALIGNMENT 4096 /* O_DIRECT: at least the largest logical sector */

static int fill_random(unsigned char *buf, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = getrandom(buf + got, size - got, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		got += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Writes one chunk, flushes it to the medium, and reads it back past every cache of the kernel. */
static int overwrite(int fd, uint64_t offset, unsigned char *written, unsigned char *read_back)
{
	int r = fill_random(written, CHUNK);

	if (r < 0)
		return r;
	if (pwrite(fd, written, CHUNK, (off_t)offset) != CHUNK)
		return errno ? -errno : -EIO;
	if (fdatasync(fd) < 0)
		return -errno;
	if (pread(fd, read_back, CHUNK, (off_t)offset) != CHUNK)
		return errno ? -errno : -EIO;
	return memcmp(written, read_back, CHUNK) == 0 ? 0 : -EBADMSG;
}

int sd_crypt_overwrite(
        int fd, const char *device, uint64_t offset, uint64_t size, struct sd_error *err)
{
	_cleanup_free_ unsigned char *buf = aligned_alloc(ALIGNMENT, size);

	if (!buf || size > SD_CRYPT_DATA_OFFSET || offset > SD_CRYPT_DATA_OFFSET - size ||
	        fill_random(buf, size) < 0)
		return sd_error_set(err, EIO, "cannot overwrite an old keyslot on %s", device);
	if (pwrite(fd, buf, size, (off_t)offset) != (ssize_t)size || fdatasync(fd) < 0)
		return sd_error_errno(
		        err, errno ? errno : EIO, "cannot overwrite an old keyslot on %s", device);
	return 0;
}

int sd_crypt_erase(const char *device, uint64_t *ret_bytes, struct sd_error *err)
{
	_cleanup_free_ unsigned char *buf = NULL;
	_cleanup_close_ int fd = -1;
	uint64_t size, done;
	int r;

	fd = open(device, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		return sd_error_set(err, EBUSY, "%s is in use: its mapping is open", device);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s for writing", device);
	r = sd_device_size(fd, device, &size, err);
	if (r < 0)
		return r;
	if (size < SD_CRYPT_DATA_OFFSET)
		return sd_error_set(err, EINVAL, "%s is smaller than a LUKS2 header", device);
	buf = aligned_alloc(ALIGNMENT, 2 * (size_t)CHUNK);
	if (!buf)
		return sd_error_set(err, ENOMEM, "no memory to erase %s", device);
	for (done = 0; done < SD_CRYPT_DATA_OFFSET; done += CHUNK) {
		errno = 0;
		r = overwrite(fd, done, buf, buf + CHUNK);
		if (r == -EBADMSG)
			return sd_error_set(err, EIO,
			        "%s does not keep what is written to it (at byte %llu): its key material "
			        "may still be readable, destroy the disk",
			        device, (unsigned long long)done);
		if (r < 0)
			return sd_error_errno(
			        err, -r, "cannot overwrite the LUKS2 header on %s", device);
	}
	*ret_bytes = done;
	return 0;
}
