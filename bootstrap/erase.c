/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "erase.h"
#include "claim.h"
#include "cleanup.h"
#include "crypt.h"
#include "lock.h"
#include "log.h"
#include "wipe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

static void step(const struct events *events, const char *name)
{
	if (events)
		events->step(events->data, name);
}

/* The range that goes last: where the superblock is, so that until then a repeated erase can tell
 * what the volume was. */
static uint64_t head_of(uint64_t size)
{
	return size < WIPE_END ? size : WIPE_END;
}

static int verify(int fd, uint64_t size, const struct events *events, struct sd_error *err)
{
	step(events, "verify");
	return wipe_verify_zero(fd, 0, size, err);
}

static int erase_zero(int fd, uint64_t size, const struct events *events, struct sd_error *err)
{
	uint64_t head = head_of(size);
	int r;

	step(events, "overwrite");
	r = wipe_zero(fd, head, size - head, events, err);
	if (r == 0)
		r = wipe_zero(fd, 0, head, NULL, err);
	return r == 0 ? verify(fd, size, events, err) : r;
}

static int zero_ends(int fd, uint64_t size, struct sd_error *err)
{
	uint64_t head = head_of(size);
	int r;

	r = wipe_zero(fd, size - head, head, NULL, err);
	if (r == 0)
		r = wipe_zero(fd, 0, head, NULL, err);
	if (r == 0)
		r = wipe_verify_zero(fd, size - head, head, err);
	return r == 0 ? wipe_verify_zero(fd, 0, head, err) : r;
}

static int erase_discard(int fd, uint64_t size, const struct events *events, struct sd_error *err)
{
	uint64_t head = head_of(size);
	int r;

	step(events, "discard");
	r = wipe_discard(fd, head, size - head, events, err);
	if (r < 0)
		return r;
	/* Before the head goes: when the disk does not forget, zero must still know what it was. */
	step(events, "verify");
	r = wipe_verify_zero(fd, head, size - head - head, err);
	if (r == -EBADMSG)
		return sd_error_set(err, EOPNOTSUPP,
		        "the disk does not read as zeros after a discard (%s), so nothing is "
		        "proved; "
		        "use --method zero",
		        err->text);
	return r == 0 ? zero_ends(fd, size, err) : r;
}

/* Under the disk's flock still: it takes no second, and opens the partition alone itself. */
static int destroy_key(
        const struct sd_volume *volume, const struct events *events, struct sd_error *err)
{
	uint64_t bytes;
	int r;

	step(events, "destroy the key");
	r = sd_crypt_erase(volume->node, &bytes, err);
	if (r == 0)
		sd_log(LOG_NOTICE, "%s (%s): %" PRIu64 " bytes with the only key were overwritten",
		        volume->disk.name, volume->disk.wwid, bytes);
	return r;
}

/* What is left is ciphertext without a key: a disk that cannot discard keeps it. */
static int erase_ciphertext(
        int fd, uint64_t size, const struct events *events, struct sd_error *err)
{
	step(events, "discard");
	if (wipe_discard(fd, 0, size, events, NULL) < 0)
		sd_log(LOG_INFO, "the disk cannot discard, so the ciphertext stays");
	return zero_ends(fd, size, err);
}

static int erase_device(const struct erase_plan *plan, int fd, uint64_t size,
        const struct events *events, struct sd_error *err)
{
	switch (plan->method) {
	case ERASE_CRYPTO:
		return erase_ciphertext(fd, size, events, err);
	case ERASE_DISCARD:
		return erase_discard(fd, size, events, err);
	default:
		return erase_zero(fd, size, events, err);
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

/*
 * The long part is done without the disk's flock: udevd gives up on a disk that is locked for more
 * than three minutes. O_EXCL on the partition keeps everybody out meanwhile.
 */
static int clean(struct claim *claim, const struct erase_plan *plan, const struct events *events,
        struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	uint64_t size;
	int r = 0, locked;

	if (plan->method == ERASE_CRYPTO)
		r = destroy_key(&claim->volume, events, err);
	if (r == 0)
		r = wipe_open(claim->volume.node, &fd, &size, err);
	sd_volume_close(&claim->volume);
	if (r == 0)
		r = erase_device(plan, fd, size, events, err);
	locked = lock_again(claim, plan, r < 0 ? NULL : err);
	if (r < 0) {
		if (locked == 0 && content_is_medium_error(r))
			content_mark_failed(&claim->volume, err);
		return r;
	}
	return locked;
}

static int begin(struct claim *claim, const struct erase_plan *plan, struct erase_outcome *ret,
        struct sd_error *err)
{
	const struct sd_disk *disk = &plan->disk;
	int r;

	r = claim_take(disk, "erase", claim, err);
	if (r < 0)
		return r;
	if (strcmp(claim->volume.mark.id, plan->id) != 0 || claim->volume.mark.state != plan->state)
		return sd_error_set(err, ESTALE, "it changed meanwhile; look at it and repeat");
	r = claim_make_idle(claim, err);
	if (r < 0 || plan->state == SD_STATE_PREPARING)
		return r;
	ret->touched = true;
	sd_log(LOG_NOTICE, "%s (%s): volume %s, %s until now, is erased: %s", disk->name,
	        disk->wwid, plan->id, sd_state_name(plan->state), erase_method_name(plan->method));
	return plan->state == SD_STATE_ERASING
	        ? 0
	        : sd_volume_set_state(&claim->volume, SD_STATE_ERASING, err);
}

static int finish(struct claim *claim, const struct erase_plan *plan, const struct events *events,
        struct erase_outcome *ret, struct sd_error *err)
{
	_cleanup_close_ int lock = -1;
	int r;

	r = claim_renew(claim, "erase", ret->id, &lock, err);
	if (r < 0)
		return r;
	if (plan->no_prepare)
		return 0;
	return content_make(&claim->volume, &plan->recipe, events, err);
}

int erase_run(const struct erase_plan *plan, const struct events *events, struct erase_outcome *ret,
        struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	int r;

	memset(ret, 0, sizeof(*ret));
	step(events, "check that nobody uses it");
	r = begin(&claim, plan, ret, err);
	if (r == 0 && plan->state != SD_STATE_PREPARING)
		r = clean(&claim, plan, events, err);
	if (r < 0)
		return r;
	ret->touched = true;
	return finish(&claim, plan, events, ret, err);
}
