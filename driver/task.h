/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One verb's work on one volume: the steps that several verbs share, in the order in which they are
 * taken (lock, find, check, unlock, stage), and the way back.
 */

#include "call.h"
#include "crypt.h"
#include "mounts.h"
#include "options.h"
#include "record.h"
#include "volume.h"

struct sd_task {
	const struct sd_call *call;
	const struct sd_options *options; /* NULL: unmount verbs know only a directory */
	char id[SD_ID_SIZE];
	int lock_fd;               /* the volume's lock */
	struct sd_record record;   /* as read under the lock */
	struct sd_volume volume;   /* found; its disk is locked */
	struct sd_mapping mapping; /* LUKS only */
	struct sd_key key;         /* LUKS only; from unlock to end */
	char node[64];             /* where the filesystem is: the partition or the mapping */
	dev_t devno;
	char fs_type[16];
};
#define SD_TASK_INIT(call, options)                                        \
	{                                                                  \
		(call), (options), .lock_fd = -1, .volume = SD_VOLUME_INIT \
	}

/*
 * Locks the volume (it waits timeout_ms at most), reads its record and takes back what a call that
 * died left half-done. -EEXIST etc.: as the core says.
 */
int sd_task_lock(struct sd_task *task, const char *id, unsigned timeout_ms, struct sd_error *err);

/* The same for a call with options: the volume ID from them, or from the device that they name. */
int sd_task_lock_by_options(struct sd_task *task, unsigned timeout_ms, struct sd_error *err);

/* Of the front's two minutes for the mounting verbs; the disk's lock may take 40 s more. */
#define SD_TASK_MOUNT_LOCK_MS 60000u

/* Finds the volume on the node's disks, and its partition. Its disk stays locked. */
int sd_task_find(struct sd_task *task, struct sd_error *err);

/*
 * Checks what was found against what was asked: state, device, PV's name, encryption, and for a plain
 * volume the filesystem. Nothing has been changed when it refuses.
 */
int sd_task_check(struct sd_task *task, struct sd_error *err);

/* LUKS: opens the mapping with the call's key (or finds it open) and checks the filesystem in it. */
int sd_task_unlock(struct sd_task *task, struct sd_error *err);

/*
 * Calls use() with the call's key as task->key, and if that is the wrong one (-EPERM) with the previous
 * one, <name>.previous, where there is one; never with more. Logs which of them it was. -EPERM: a wrong
 * key, answered after a pause, during which the volume stays locked.
 */
int sd_task_try_keys(struct sd_task *task, int (*use)(struct sd_task *task, struct sd_error *err),
        struct sd_error *err);

/*
 * Marks the volume used, mounts it at record.stage and grows it if its disk grew.
 */
int sd_task_stage(struct sd_task *task, struct sd_error *err);

/*
 * Notes in the record that this call works on dir and stages at stage, before it changes anything, so
 * that it can be undone whatever happens. ours: the last unmount takes the stage away (attach: false).
 * -EEXIST: that stage is another volume's.
 */
int sd_task_begin(
        struct sd_task *task, const char *dir, const char *stage, bool ours, struct sd_error *err);
/* Notes that it is done; target (NULL: none) is then one of the volume's targets. */
int sd_task_commit(struct sd_task *task, const char *target, struct sd_error *err);

/*
 * Takes back what was begun (record.doing), however far it came: target or stage, mapping, record.
 */
int sd_task_roll_back(struct sd_task *task, struct sd_error *err);

/* Unmounts a stage; a filesystem whose disk is gone is cut off first, so that this returns. */
int sd_task_unmount_stage(struct sd_task *task, const struct sd_mount *stage, struct sd_error *err);

/*
 * If nobody uses the volume any more: takes away a stage of ours and closes the mapping. -EBUSY: the
 * mapping is held from elsewhere and stays open; the next call tries again.
 */
int sd_task_release(struct sd_task *task, struct sd_error *err);

/* The call's argument n as a directory, spelled as mountinfo and the records spell it. */
int sd_task_directory(
        const struct sd_call *call, int n, char *ret_path, size_t size, struct sd_error *err);

/* Drops the locks and frees; may be called twice. */
void sd_task_end(struct sd_task *task);
#define _cleanup_task_ __attribute__((cleanup(sd_task_end)))

/*
 * Which volume a directory belongs to: by the records, by the other mounts of its device, or by what the
 * device says of itself; where nothing is mounted, by its name as kubelet makes it (.../solodisk.<ID>).
 * Returns 1; 0: of none, and nothing is mounted there; -EINVAL: something that is not ours is.
 */
int sd_task_volume_of(const char *dir, char ret_id[SD_ID_SIZE], struct sd_error *err);

/* Where a volume of that name (its ID, or its PV's with attach) is staged. -ENAMETOOLONG. */
int sd_task_stage_path(const struct sd_config *config, const char *name, char *ret, size_t size,
        struct sd_error *err);

/*
 * The record went, but the stage that mount made for target is still there, by its name and device: it
 * is noted again, so that the last unmount takes it away.
 */
int sd_task_recall_stage(struct sd_task *task, const char *target, struct sd_error *err);
