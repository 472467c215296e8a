/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One of our volumes, held for a change: its own lock and, after it, the disk's, exclusively. */

#include "disk.h"
#include "error.h"
#include "mounts.h"
#include "record.h"
#include "volume.h"

struct claim {
	int lock; /* the volume's */
	struct sd_volume volume;
};
#define CLAIM_INIT                                   \
	{                                            \
		.lock = -1, .volume = SD_VOLUME_INIT \
	}

/*
 * Takes both locks of the volume on a disk. who is the word for the lock file. -ENOENT: the disk is
 * none of ours; -ESTALE: another volume was put on it meanwhile; and those of sd_volume_open().
 */
int claim_take(
        const struct sd_disk *disk, const char *who, struct claim *ret, struct sd_error *err);
void claim_drop(struct claim *claim);
#define _cleanup_claim_ __attribute__((cleanup(claim_drop)))

/* How long a lock of a disk or volume is waited for. */
#define CLAIM_WAIT_MS 20000

/*
 * Whether nobody uses the volume, but for what claim_make_idle() takes away. -EBUSY: err says who.
 * Fills the volume's node and devno.
 */
int claim_check_unused(struct claim *claim, struct sd_error *err);

/*
 * Nobody uses the volume when this returns 0: an unused stage of ours is unmounted, an idle mapping
 * closed, and what the node remembered of the volume is forgotten. -EBUSY: in use, err says by whom,
 * and nothing was changed.
 */
int claim_make_idle(struct claim *claim, struct sd_error *err);

/*
 * Whether nobody has a used volume's partition open, as its tenant has in block mode, where no mount tells and O_EXCL
 * is no hindrance. After claim_check_unused(). -EBUSY: err says who, after some seconds.
 */
int claim_check_closed(struct claim *claim, struct sd_error *err);

/* Whether the one mount of a volume is the stage that mount made for its targets, of which none is left. */
bool claim_is_unused_stage(const struct sd_mount_list *mounts, const struct sd_record *record);

/* Under the volume's lock: what the node remembers of a volume that nobody uses is of no use to the next. */
int claim_forget(struct sd_record *record, struct sd_error *err);

/*
 * A new volume ID and its lock (*ret_lock is the caller's): held while the volume is made, so that a
 * sweep of the node does not close its mapping under mkfs.
 */
int claim_new_id(const char *who, char ret_id[SD_ID_SIZE], int *ret_lock, struct sd_error *err);

/* The claimed volume, erasing or preparing, becomes this new one (of claim_new_id()) in state preparing. */
int claim_renew(struct claim *claim, const char *new_id, struct sd_error *err);
