/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Stage, bind, unmount, and who uses a device; the only user of libmount. A device is known by its
 * number (st_dev as in mountinfo), never by a path.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sd_mount {
	char *target; /* where */
	char *root;   /* which directory of the filesystem: "/" for a stage, "/data" for a target */
	dev_t devno;
	int id;
	bool read_only;  /* this mount, not the filesystem */
	bool unbindable; /* its propagation */
};
struct sd_mount_list {
	struct sd_mount *mount;
	size_t n;
};
void sd_mount_list_free(struct sd_mount_list *list);
#define _cleanup_mount_list_ __attribute__((cleanup(sd_mount_list_free)))

/*
 * Loads libmount now: for who will be in another root directory when it is needed, and for a process
 * whose children look at mounts, each of which would load it. -ELIBACC: it is not installed.
 */
int sd_mounts_load(struct sd_error *err);

/* All mounts of a device in this mount namespace, in mount order. */
int sd_mounts_of_device(dev_t devno, struct sd_mount_list *ret, struct sd_error *err);

/*
 * The topmost mount exactly at dir, which need not be reachable (a dead disk answers stat with EIO;
 * mountinfo is read instead). Returns 1 (ret filled, free its strings with sd_mount_clear()), 0: dir
 * is no mount point.
 */
int sd_mounts_at(const char *dir, struct sd_mount *ret, struct sd_error *err);
void sd_mount_clear(struct sd_mount *mount);

/*
 * Whether a device is gone for good: the kernel no longer shows it, or it is a mapping over one that
 * the kernel no longer shows. A mount of it may still be there. From sysfs, without any I/O.
 */
bool sd_mounts_device_is_gone(dev_t devno);

/*
 * Mount options of a volume as in fstab: refuses what is not on the allow-list (-EINVAL names it), for
 * the type of filesystem. options may be NULL. Nothing is mounted.
 */
int sd_mounts_check_options(const char *type, const char *options, struct sd_error *err);

/*
 * Mounts the filesystem on node (its number devno) at dir, read-write, making dir (0700) and, once, its
 * parent an unbindable mount, so that no container's recursive bind of / keeps a stage alive. An
 * existing mount at dir counts only if it is that device's root (0, *ret_was_staged true); a dead
 * mount of another device that nobody uses is taken away first; anything else is -EBUSY.
 * parent_unbindable false: dir was made by kubelet; its parent is left as it is.
 */
int sd_mounts_stage(const char *node, dev_t devno, const char *type, const char *options,
        const char *dir, bool parent_unbindable, bool *ret_was_staged, struct sd_error *err);

/*
 * Binds data/ of a stage to target without a writable window: openat2 (BENEATH, NO_SYMLINKS, NO_XDEV),
 * open_tree(CLONE), mount_setattr for read-only, move_mount. target must be an existing directory
 * that is no link, reached without links in its last component; one that is missing is made (0750, as kubelet does), its parent
 * must exist. Already bound with the same read-only-ness: 0 and *ret_was_bound. Another mount at target: -EBUSY.
 */
int sd_mounts_bind_data(const char *stage, dev_t devno, const char *target, bool read_only,
        bool *ret_was_bound, struct sd_error *err);

/*
 * The spelling that mountinfo uses for dir: absolute, links in its parents resolved. Its last
 * component is never looked at, since a dead disk answers with EIO there.
 */
int sd_mounts_canonical(const char *dir, char *buf, size_t size, struct sd_error *err);

/*
 * Whether a volume can be bound to target, for a refusal before anything is changed: a directory, or
 * missing in an existing one, no link, and nothing mounted there.
 */
int sd_mounts_check_target(const char *target, struct sd_error *err);

/* Verifies the result: the mount at target is data/ of this device, and read-only as wanted. */
int sd_mounts_verify(const char *target, dev_t devno, bool read_only, struct sd_error *err);

/* umount2(dir, UMOUNT_NOFOLLOW). Not mounted or no such directory: 0. -EBUSY: err says who (pids) if
 * it can be seen. The directory stays. */
int sd_mounts_unmount(const char *dir, struct sd_error *err);
