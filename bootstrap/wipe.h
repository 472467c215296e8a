/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Overwriting a device, and reading back that it was. Offsets and lengths are whole sectors. */

#include "error.h"
#include "progress.h"

#include <stddef.h>
#include <stdint.h>

#define WIPE_END (1ull << 20) /* what is called an end of a device */

/* A device that is wiped from its begin to its end, perhaps in several runs. */
struct wipe {
	int fd;
	uint64_t size; /* of the device, bytes */
	const struct events *events;
	/*
	 * Called now and then, when all before the offset done is on the medium, and before an end by
	 * cancel_check(). May be NULL. An error ends the work.
	 */
	int (*checkpoint)(void *data, uint64_t done, struct sd_error *err);
	void *data;
};

/*
 * Opens a device for wiping: nobody else may hold it (O_EXCL; -EBUSY), and no cache lies between
 * (O_DIRECT). *ret_size: its size in bytes.
 */
int wipe_open(const char *node, int *ret_fd, uint64_t *ret_size, struct sd_error *err);

/*
 * Writes zeros from one offset to another, and flushes. Errors name the place, and -ECANCELED is one:
 * the next run may begin at the last checkpoint.
 */
int wipe_zero(const struct wipe *wipe, uint64_t from, uint64_t to, struct sd_error *err);

/* Tells the disk to forget. -EOPNOTSUPP: it cannot. What is read afterwards is anybody's guess. */
int wipe_discard(const struct wipe *wipe, uint64_t from, uint64_t to, struct sd_error *err);

/*
 * Reading back a sample: one block of 4 KiB at random out of each of 4608 equal parts, in the disk's
 * order; everything when the parts are not larger than that. If a thousandth of the device was left
 * as it was, wherever it lies, all 4608 miss it with a probability of 0.999^4608, under 1 %; for
 * half a per cent it is 1 in 10^10, and one piece that is larger than two of the parts is never missed.
 * On a disk that turns it takes under a minute, on others a second.
 */
#define WIPE_PLACES 4608
#define WIPE_BLOCK 4096

/* -EBADMSG: something that is not zero, err says where. *ret_bytes: how much was read. */
int wipe_verify_zero(const struct wipe *wipe, uint64_t from, uint64_t to, uint64_t *ret_bytes,
        struct sd_error *err);

/*
 * For what does not read as zeros afterwards: the sample is read before, and compared after. Blocks in
 * which all bytes are the same count for nothing. -EBADMSG: a block is still what it was.
 */
struct wipe_sample;
int wipe_sample_take(const struct wipe *wipe, struct wipe_sample **ret, struct sd_error *err);
int wipe_sample_compare(const struct wipe *wipe, const struct wipe_sample *sample,
        uint64_t *ret_bytes, struct sd_error *err);
void wipe_sample_free(struct wipe_sample **sample);
#define _cleanup_sample_ __attribute__((cleanup(wipe_sample_free)))
