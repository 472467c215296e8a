/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The on-disk mark: a GPT with one partition whose type says "solodisk's", whose GUID is the volume
 * ID and whose name is the state. Reading is gpt.[ch]'s, writing libfdisk's (this is its only user).
 */

#include "disk.h"
#include "error.h"
#include "gpt.h"
#include "id.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum sd_state {
	SD_STATE_PREPARING, /* being formatted; holds nothing */
	SD_STATE_READY,     /* formatted, never mounted for anyone */
	SD_STATE_USED,      /* has or had a tenant's data */
	SD_STATE_ERASING,   /* being cleaned; must never be mounted */
	SD_STATE_FAILED,    /* a step failed on the medium; for an operator */
};

const char *sd_state_name(enum sd_state state);

struct sd_mark {
	char id[SD_ID_SIZE];
	enum sd_state state;
	unsigned number;      /* partition number */
	uint64_t start, size; /* of the partition, bytes */
	bool needs_repair;    /* the copies differ, or one is torn, or the MBR is lost */
	bool disk_grew;       /* the table ends before the disk does */
};

/* A volume that was found: its disk's node is open and locked until sd_volume_close(). */
struct sd_volume {
	struct sd_disk disk;
	int disk_fd; /* read-only, with the flock */
	int lock;    /* LOCK_SH or LOCK_EX: what is held */
	struct sd_mark mark;
	char node[256]; /* the partition's node; "" until sd_volume_partition() */
	dev_t devno;    /* the partition's */
};
#define SD_VOLUME_INIT        \
	{                     \
		.disk_fd = -1 \
	}
#define _cleanup_volume_ __attribute__((cleanup(sd_volume_close)))

/*
 * Reads the mark of a disk whose node is open. Returns 0 (the mark may need repair); -ENOENT: nothing
 * of ours there; -EUCLEAN: ours, but it cannot be used (a state that is no word, more partitions, a
 * table that does not fit the disk), err says what and how to go on; other errors: could not be read.
 */
int sd_volume_read_mark(
        int fd, const struct sd_disk *disk, struct sd_mark *ret, struct sd_error *err);

/*
 * Finds a volume by its ID on the node's disks and takes that disk's flock (operation: LOCK_SH or
 * LOCK_EX). With a wwid only the disk of that identity is read, and it must carry the ID; without
 * one, all are, and two disks with the ID are refused. Repairs the mark under LOCK_EX if it needs it.
 * Errors: -ENODEV: no such disk or volume here; -ENOTUNIQ: on two disks, or two disks with the wwid;
 * -ESTALE: that disk carries another volume; -ETIMEDOUT: lock.
 */
int sd_volume_find(const char *id, const char *wwid, int operation, unsigned timeout_ms,
        struct sd_volume *ret, struct sd_error *err);

/* The same from a disk (of sd_disk_resolve()) whose volume is not known yet. -ENOENT: not ours. */
int sd_volume_open(const struct sd_disk *disk, int operation, unsigned timeout_ms,
        struct sd_volume *ret, struct sd_error *err);

void sd_volume_close(struct sd_volume *volume); /* drops the flock; may be called twice */

/* Changes the flock to LOCK_EX, and reads and compares the mark again (it is not atomic). */
int sd_volume_lock_exclusive(struct sd_volume *volume, unsigned timeout_ms, struct sd_error *err);

/*
 * Makes sure that the kernel shows the partition exactly as the table has it, and fills node and
 * devno: adds it when it is missing, enlarges it when it begins where the table says but is smaller
 * (a program that grew it was killed before it could tell the kernel). -EUCLEAN when they differ
 * otherwise. With udevd about, the node may come late: waits for it, a second at most.
 */
int sd_volume_partition(struct sd_volume *volume, struct sd_error *err);

/*
 * Writes the state (LOCK_EX held). The change must be one that the table in docs/design.md allows
 * (-EINVAL). A write that failed is read back: 0 only when both copies are as meant.
 */
int sd_volume_set_state(struct sd_volume *volume, enum sd_state state, struct sd_error *err);

/* erasing -> preparing under a new volume ID; a disk in preparing gets one too. LOCK_EX held. */
int sd_volume_renew(struct sd_volume *volume, const char *new_id, struct sd_error *err);

/*
 * Makes the table on a disk that sd_disk_check_free() allowed, in state preparing, and adds the
 * partition. fd is open for writing with flock LOCK_EX, which passes to ret->disk_fd as a duplicate.
 */
int sd_volume_create(int fd, const struct sd_disk *disk, const char *id, struct sd_volume *ret,
        struct sd_error *err);

/*
 * The same for a volume whose erase took the table along (Format NVM): under its own ID, in state
 * erasing. Only for who held the volume all the time.
 */
int sd_volume_recreate(int fd, const struct sd_disk *disk, const char *id, struct sd_volume *ret,
        struct sd_error *err);

/* The disk grew: moves the backup table and enlarges the partition, table and kernel. LOCK_EX held. */
int sd_volume_grow(struct sd_volume *volume, struct sd_error *err);

/*
 * Gives the disk back: no partition, no table, nothing of solodisk; first and last MiB zeroed and
 * flushed. LOCK_EX held, contents already erased or never used. When it is cut off the volume is as it
 * was, or in state preparing, or sd_volume_clear_remains() clears what is left.
 */
int sd_volume_remove(struct sd_volume *volume, struct sd_error *err);

/*
 * Clears what is left of a volume whose removal or creation was cut off when it had no valid table
 * (remains.h). fd is the disk's, with flock LOCK_EX, and sd_disk_check_free() has allowed it.
 * -ENOENT: nothing of the kind.
 */
int sd_volume_clear_remains(
        int fd, const struct sd_disk *disk, char ret_id[SD_ID_SIZE], struct sd_error *err);
