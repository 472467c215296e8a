/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blockdev.h"
#include "cancel.h"
#include "cleanup.h"
#include "gpt.h"
#include "wipe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

struct wipe_sample {
	struct {
		uint64_t at;
		uint32_t crc;
		bool counts;
	} place[WIPE_PLACES];
};

void wipe_sample_free(struct wipe_sample **sample)
{
	free(*sample);
	*sample = NULL;
}

/* A random block out of the i-th part of what lies between from and to. */
static int choose(uint64_t from, uint64_t to, unsigned i, uint64_t *ret, struct sd_error *err)
{
	uint64_t blocks = (to - from) / WIPE_BLOCK;
	uint64_t first = blocks / WIPE_PLACES * i + blocks % WIPE_PLACES * i / WIPE_PLACES;
	uint64_t next =
	        blocks / WIPE_PLACES * (i + 1) + blocks % WIPE_PLACES * (i + 1) / WIPE_PLACES;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return sd_error_errno(err, errno, "no random numbers to choose places by");
	*ret = from + (first + random % (next - first)) * WIPE_BLOCK;
	return 0;
}

static int check_zero(int fd, uint64_t at, uint64_t length, struct sd_error *err)
{
	uint64_t where;
	int r = sd_blockdev_is_zero(fd, at, length, &where, err);

	if (r == 0)
		return sd_error_set(err, EBADMSG,
		        "byte %" PRIu64 " should be zero now, but something is still there", where);
	return r < 0 ? r : 0;
}

int wipe_verify_zero(const struct wipe *wipe, uint64_t from, uint64_t to, uint64_t *ret_bytes,
        struct sd_error *err)
{
	int r = 0;

	if (to - from <= (uint64_t)WIPE_PLACES * WIPE_BLOCK) {
		r = check_zero(wipe->fd, from, to - from, err);
		*ret_bytes = to - from;
		return r;
	}
	for (unsigned i = 0; r == 0 && i < WIPE_PLACES; i++) {
		uint64_t at;

		r = choose(from, to, i, &at, err);
		if (r == 0)
			r = check_zero(wipe->fd, at, WIPE_BLOCK, err);
		if (r == 0)
			r = cancel_check(err);
	}
	*ret_bytes = (uint64_t)WIPE_PLACES * WIPE_BLOCK;
	return r;
}

static unsigned char *new_block(struct sd_error *err)
{
	unsigned char *block = aligned_alloc(WIPE_BLOCK, WIPE_BLOCK);

	if (!block)
		sd_error_set(err, ENOMEM, "no memory to read the disk");
	return block;
}

static bool is_uniform(const unsigned char *block)
{
	return memcmp(block, block + 1, WIPE_BLOCK - 1) == 0;
}

int wipe_sample_take(const struct wipe *wipe, struct wipe_sample **ret, struct sd_error *err)
{
	_cleanup_sample_ struct wipe_sample *sample = calloc(1, sizeof(*sample));
	_cleanup_free_ unsigned char *block = new_block(err);
	int r;

	if (!sample || !block)
		return sd_error_set(err, ENOMEM, "no memory to read the disk");
	if (wipe->size < (uint64_t)WIPE_PLACES * WIPE_BLOCK)
		return sd_error_set(err, EINVAL, "the disk is too small for a sample");
	for (unsigned i = 0; i < WIPE_PLACES; i++) {
		r = choose(0, wipe->size, i, &sample->place[i].at, err);
		if (r == 0)
			r = sd_blockdev_read(wipe->fd, block, WIPE_BLOCK, sample->place[i].at, err);
		if (r == 0)
			r = cancel_check(err);
		if (r < 0)
			return r;
		sample->place[i].crc = sd_gpt_crc32(block, WIPE_BLOCK);
		sample->place[i].counts = !is_uniform(block);
	}
	*ret = sd_steal(sample);
	return 0;
}

int wipe_sample_compare(const struct wipe *wipe, const struct wipe_sample *sample,
        uint64_t *ret_bytes, struct sd_error *err)
{
	_cleanup_free_ unsigned char *block = new_block(err);

	if (!block)
		return -ENOMEM;
	for (unsigned i = 0; i < WIPE_PLACES; i++) {
		int r = sd_blockdev_read(wipe->fd, block, WIPE_BLOCK, sample->place[i].at, err);

		if (r < 0)
			return r;
		if (sample->place[i].counts &&
		        sd_gpt_crc32(block, WIPE_BLOCK) == sample->place[i].crc)
			return sd_error_set(err, EBADMSG,
			        "the block at byte %" PRIu64 " is still what it was before",
			        sample->place[i].at);
	}
	*ret_bytes = (uint64_t)WIPE_PLACES * WIPE_BLOCK;
	return 0;
}
