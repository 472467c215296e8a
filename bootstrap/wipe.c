/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wipe.h"
#include "blockdev.h"
#include "cancel.h"
#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <time.h>

#define ZERO_CHUNK (16ull << 20) /* of one ioctl: no second even on a slow disk */
#define DISCARD_CHUNK (1ull << 30)
#define CHECKPOINT_EVERY 2 /* seconds; a flush and 4 KiB of writing each */

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

/* Whatever is wrong with the disk's own command for it: if plain writes work, the disk is well. */
static int zero_chunk(int fd, uint64_t offset, uint64_t length, struct sd_error *err)
{
	uint64_t range[2] = { offset, length };

	if (ioctl(fd, BLKZEROOUT, range) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOTTY)
		sd_log(LOG_WARNING, "zeroing %" PRIu64 " bytes at %" PRIu64 ": %m; writing them",
		        length, offset);
	return sd_blockdev_zero(fd, offset, length, err);
}

static int discard_chunk(int fd, uint64_t offset, uint64_t length, struct sd_error *err)
{
	uint64_t range[2] = { offset, length };

	if (ioctl(fd, BLKDISCARD, range) == 0)
		return 0;
	return sd_error_errno(err, sd_blockdev_errno(errno),
	        "cannot discard %" PRIu64 " bytes at byte %" PRIu64, length, offset);
}

static time_t seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static int flush(int fd, struct sd_error *err)
{
	if (fdatasync(fd) < 0)
		return sd_error_errno(
		        err, sd_blockdev_errno(errno), "cannot flush the disk's cache");
	return 0;
}

static int reached(const struct wipe *wipe, uint64_t done, struct sd_error *err)
{
	int r = flush(wipe->fd, err);

	return r == 0 && wipe->checkpoint ? wipe->checkpoint(wipe->data, done, err) : r;
}

static void tell(const struct wipe *wipe, uint64_t done)
{
	if (wipe->events)
		wipe->events->amount(wipe->events->data, done, wipe->size);
}

static int each_chunk(const struct wipe *wipe, uint64_t from, uint64_t to, uint64_t size,
        int (*f)(int fd, uint64_t offset, uint64_t length, struct sd_error *err),
        struct sd_error *err)
{
	time_t last = seconds();
	uint64_t at = from;
	int r = 0;

	tell(wipe, at); /* where it begins is not where this run's speed is counted from */
	while (r == 0 && at < to) {
		uint64_t chunk = to - at < size ? to - at : size;

		r = f(wipe->fd, at, chunk, err);
		if (r < 0)
			return r;
		at += chunk;
		tell(wipe, at);
		r = cancel_check(err);
		if (r < 0) {
			/* it is cancelled all the same if the place cannot be noted */
			(void)reached(wipe, at, NULL);
		} else if (at < to && seconds() - last >= CHECKPOINT_EVERY) {
			r = reached(wipe, at, err);
			last = seconds();
		}
	}
	return r == 0 ? reached(wipe, at, err) : r;
}

int wipe_zero(const struct wipe *wipe, uint64_t from, uint64_t to, struct sd_error *err)
{
	return each_chunk(wipe, from, to, ZERO_CHUNK, zero_chunk, err);
}

int wipe_discard(const struct wipe *wipe, uint64_t from, uint64_t to, struct sd_error *err)
{
	return each_chunk(wipe, from, to, DISCARD_CHUNK, discard_chunk, err);
}
