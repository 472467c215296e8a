/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "crypt.h"
#include "erase_work.h"
#include "lock.h"
#include "log.h"
#include "probe.h"
#include "wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

void erase_step(struct erase_work *work, const char *name)
{
	work->step = name;
	if (work->events)
		work->events->step(work->events->data, name);
}

void erase_note(struct erase_work *work)
{
	if (work->note_error.code)
		return;
	if (sd_note_write(work->note_fd, work->plan->id, &work->note, &work->note_error) < 0)
		sd_log(LOG_ERR, "%s: %s; the erase goes on without", work->plan->disk.name,
		        work->note_error.text);
}

static int checkpoint(void *data, uint64_t done, struct sd_error *err)
{
	struct erase_work *work = data;

	(void)err;
	work->bytes = done;
	work->note.done = done;
	erase_note(work);
	return 0;
}

/* The range that goes last: where the superblock is, so that until then it can be told what the volume
 * was, also without a note. */
static uint64_t head_of(uint64_t size)
{
	return size < WIPE_END ? size : WIPE_END;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Reading back told that something is still there. */
static int disk_lies(struct sd_error *err)
{
	return sd_error_set(err, EIO,
	        "the disk does not keep what is written to it (%s): data may still be readable, "
	        "destroy the disk",
	        err ? err->text : "");
}

static int verify(
        struct erase_work *work, const struct wipe *wipe, uint64_t from, struct sd_error *err)
{
	uint64_t bytes = 0;
	int r;

	erase_step(work, "verify");
	r = wipe_verify_zero(wipe, from, wipe->size, &bytes, err);
	if (r == 0) {
		work->verified = bytes;
		work->verified_as = "zeros";
	}
	return r;
}

/* Both ends, where all that libblkid looks for lies; read back whole, and probed. */
static int clear_ends(struct erase_work *work, const struct wipe *wipe, struct sd_error *err)
{
	const struct wipe quiet = { .fd = wipe->fd, .size = wipe->size };
	uint64_t head = head_of(wipe->size), bytes;
	struct sd_content content;
	int r;

	erase_step(work, "clear both ends");
	r = wipe_zero(&quiet, wipe->size - head, wipe->size, err);
	if (r == 0)
		r = wipe_zero(&quiet, 0, head, err);
	if (r == 0)
		r = wipe_verify_zero(&quiet, wipe->size - head, wipe->size, &bytes, err);
	if (r == 0)
		r = wipe_verify_zero(&quiet, 0, head, &bytes, err);
	if (r == 0)
		r = sd_probe_blank(wipe->fd, work->claim.volume.node, &content, err);
	return r == -EBADMSG || r == -EEXIST ? disk_lies(err) : r;
}

static int erase_zero(struct erase_work *work, const struct wipe *wipe, struct sd_error *err)
{
	uint64_t head = head_of(wipe->size);
	int r;

	erase_step(work, "overwrite");
	r = wipe_zero(wipe, larger(work->plan->from, head), wipe->size, err);
	if (r == 0)
		r = clear_ends(work, wipe, err);
	if (r == 0)
		r = verify(work, wipe, 0, err);
	return r == -EBADMSG ? disk_lies(err) : r;
}

static int erase_discard(struct erase_work *work, const struct wipe *wipe, struct sd_error *err)
{
	uint64_t head = head_of(wipe->size);
	int r;

	erase_step(work, "discard");
	r = wipe_discard(wipe, larger(work->plan->from, head), wipe->size, err);
	if (r == 0)
		r = verify(work, wipe, head, err);
	if (r == -EBADMSG)
		return sd_error_set(err, EOPNOTSUPP,
		        "the disk does not read as zeros after a discard (%s), so nothing is "
		        "proved; use --method zero",
		        err->text);
	return r == 0 ? clear_ends(work, wipe, err) : r;
}

/* Under the disk's flock still: it takes no second, and opens the partition alone itself. */
static int destroy_key(struct erase_work *work, struct sd_error *err)
{
	const struct sd_volume *volume = &work->claim.volume;
	int r;

	erase_step(work, "destroy the key");
	r = sd_crypt_erase(volume->node, &work->verified, err);
	if (r < 0)
		return r;
	work->verified_as = "overwritten";
	sd_log(LOG_NOTICE, "%s (%s): %" PRIu64 " bytes with the only key were overwritten",
	        volume->disk.name, volume->disk.wwid, work->verified);
	return checkpoint(work, larger(work->verified, work->plan->from), err);
}

/* What is left is ciphertext without a key: a disk that cannot discard keeps it. */
static int erase_ciphertext(struct erase_work *work, const struct wipe *wipe, struct sd_error *err)
{
	int r;

	erase_step(work, "discard");
	r = wipe_discard(wipe, larger(work->plan->from, work->verified), wipe->size, err);
	if (r == -ECANCELED)
		return r;
	if (r < 0)
		sd_log(LOG_INFO, "%s: the ciphertext stays: %s", work->plan->disk.name,
		        err ? err->text : "");
	sd_error_clear(err);
	return clear_ends(work, wipe, err);
}

/*
 * The format took the table along. Until this returns the disk is blank to everybody: a cut there
 * leaves one that "prepare" takes.
 */
static int restore_mark(struct erase_work *work, int *fd, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	const struct sd_disk *disk = &work->plan->disk;
	_cleanup_close_ int disk_fd = -1;
	struct sd_mark mark;
	uint64_t size;
	int r;

	r = sd_disk_open(disk, O_RDWR | O_CLOEXEC, &disk_fd, err);
	if (r == 0)
		r = sd_lock_disk(disk_fd, LOCK_EX, disk->node, CLAIM_WAIT_MS, err);
	if (r == 0)
		r = sd_volume_read_mark(disk_fd, disk, &mark, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		(void)close(sd_steal_fd(*fd));
		r = sd_volume_recreate(disk_fd, disk, work->plan->id, &volume, err);
		if (r == 0)
			r = wipe_open(volume.node, fd, &size, err);
	}
	if (r == 0)
		erase_note(work);
	return r;
}

static int format_nvme(struct erase_work *work, struct wipe *wipe, int *fd, struct sd_error *err)
{
	_cleanup_sample_ struct wipe_sample *before = NULL;
	uint64_t bytes;
	int r;

	erase_step(work, "read a sample");
	r = wipe_sample_take(wipe, &before, err);
	if (r < 0)
		return r;
	erase_step(work, "format");
	r = sd_nvme_format(work->note_fd, &work->plan->format, err);
	if (r < 0)
		return sd_error_wrap(err, "try another method");
	work->bytes = work->note.done = wipe->size;
	erase_step(work, "table");
	r = restore_mark(work, fd, err);
	wipe->fd = *fd;
	if (r < 0)
		return sd_error_wrap(err,
		        "the namespace was formatted, but its table could not be written again; "
		        "\"prepare\" takes the disk if it is blank");
	erase_step(work, "verify");
	r = wipe_sample_compare(wipe, before, &bytes, err);
	if (r == -EBADMSG)
		return sd_error_set(err, EIO,
		        "the disk said that it was formatted, but %s: use --method zero, or "
		        "destroy the disk",
		        err ? err->text : "");
	if (r < 0)
		return r;
	work->verified = bytes;
	work->verified_as = "changed";
	return clear_ends(work, wipe, err);
}

static int erase_device(struct erase_work *work, int *fd, uint64_t size, struct sd_error *err)
{
	struct wipe wipe = {
		.fd = *fd,
		.size = size,
		.events = work->events,
		.checkpoint = checkpoint,
		.data = work,
	};

	switch (work->plan->method) {
	case ERASE_CRYPTO:
		return erase_ciphertext(work, &wipe, err);
	case ERASE_DISCARD:
		return erase_discard(work, &wipe, err);
	case ERASE_NVME:
		return format_nvme(work, &wipe, fd, err);
	default:
		return erase_zero(work, &wipe, err);
	}
}

/* The disk's lock again, after the long work; the volume's was held all the time. */
static int lock_again(struct claim *claim, const struct erase_plan *plan, struct sd_error *err)
{
	int r;

	r = sd_volume_open(&plan->disk, LOCK_EX, CLAIM_WAIT_MS, &claim->volume, err);
	if (r < 0)
		return r;
	if (strcmp(claim->volume.mark.id, plan->id) != 0 ||
	        claim->volume.mark.state != SD_STATE_ERASING)
		return sd_error_set(err, ESTALE,
		        "the disk is volume %s in state %s now, but %s was being erased",
		        claim->volume.mark.id, sd_state_name(claim->volume.mark.state), plan->id);
	return 0;
}

int erase_clean(struct erase_work *work, struct sd_error *err)
{
	struct sd_volume *volume = &work->claim.volume;
	_cleanup_close_ int fd = -1;
	uint64_t size = 0;
	int r = 0, locked;

	if (work->plan->method == ERASE_CRYPTO)
		r = destroy_key(work, err);
	if (r == 0)
		r = wipe_open(volume->node, &fd, &size, err);
	sd_volume_close(volume);
	if (r == 0)
		r = erase_device(work, &fd, size, err);
	locked = lock_again(&work->claim, work->plan, r < 0 ? NULL : err);
	if (r == 0)
		r = locked;
	if (r == 0 && work->note_error.code) {
		*err = work->note_error;
		r = -work->note_error.code;
	}
	if (r == -ECANCELED)
		sd_error_set(err, ECANCELED, "cancelled with %u%% of it erased",
		        size ? (unsigned)((double)work->bytes * 100 / (double)size) : 0);
	if (r < 0 && locked == 0 && content_is_medium_error(r)) {
		(void)sd_error_wrap(err, "%s", work->step);
		content_mark_failed(volume, err);
	}
	return r;
}
