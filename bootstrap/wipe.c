/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wipe.h"
#include "blockdev.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#define CHUNK (64ull << 20)    /* of one ioctl: a second or so on a slow disk, for the progress */
#define READ_ALL (64ull << 20) /* up to here every byte is read back */
#define SAMPLE (64ull << 10)
#define SAMPLES 512

int wipe_open(const char *node, int *ret_fd, uint64_t *ret_size, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	uint64_t size;

	fd = open(node, O_RDWR | O_EXCL | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s for overwriting it", node);
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return sd_error_errno(err, errno, "cannot tell the size of %s", node);
	*ret_fd = sd_steal_fd(fd);
	*ret_size = size;
	return 0;
}

static int zero_chunk(int fd, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	if (ioctl(fd, BLKZEROOUT, range) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOTTY)
		return -errno;
	return sd_blockdev_zero(fd, offset, length, NULL); /* its driver knows no such command */
}

static int discard_chunk(int fd, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	return ioctl(fd, BLKDISCARD, range) == 0 ? 0 : -errno;
}

static int each_chunk(int fd, uint64_t offset, uint64_t length, int (*f)(int, uint64_t, uint64_t),
        const char *what, const struct events *events, struct sd_error *err)
{
	uint64_t done = 0;

	while (done < length) {
		uint64_t chunk = length - done < CHUNK ? length - done : CHUNK;
		int r = f(fd, offset + done, chunk);

		if (r < 0)
			return sd_error_errno(err, -r, "cannot %s %" PRIu64 " bytes at %" PRIu64,
			        what, chunk, offset + done);
		done += chunk;
		if (events)
			events->amount(events->data, done, length);
	}
	if (fsync(fd) < 0)
		return sd_error_errno(err, errno, "cannot flush the disk's cache");
	return 0;
}

int wipe_zero(
        int fd, uint64_t offset, uint64_t length, const struct events *events, struct sd_error *err)
{
	return each_chunk(fd, offset, length, zero_chunk, "overwrite", events, err);
}

int wipe_discard(
        int fd, uint64_t offset, uint64_t length, const struct events *events, struct sd_error *err)
{
	return each_chunk(fd, offset, length, discard_chunk, "discard", events, err);
}

static int check_zero(int fd, uint64_t offset, uint64_t length, struct sd_error *err)
{
	uint64_t at;
	int r = sd_blockdev_is_zero(fd, offset, length, &at, err);

	if (r == 0)
		return sd_error_set(err, EBADMSG,
		        "byte %" PRIu64 " should be zero now, but something is still there", at);
	return r < 0 ? r : 0;
}

int wipe_verify_zero(int fd, uint64_t offset, uint64_t length, struct sd_error *err)
{
	uint64_t blocks = length / SAMPLE;
	int r;

	if (length <= READ_ALL)
		return check_zero(fd, offset, length, err);
	r = check_zero(fd, offset, SAMPLE, err);
	if (r == 0)
		r = check_zero(fd, offset + length - SAMPLE, SAMPLE, err);
	for (unsigned i = 0; r == 0 && i < SAMPLES; i++) {
		uint64_t random;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return sd_error_errno(err, errno, "no random numbers to choose places by");
		r = check_zero(fd, offset + random % blocks * SAMPLE, SAMPLE, err);
	}
	return r;
}
