/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The node's disks: enumeration from sysfs, identity, and "may I touch it, and why not". */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sd_disk {
	char name[32]; /* the kernel's: nvme0n1 */
	char node[64]; /* /dev/nvme0n1, below the root prefix */
	dev_t devno;
	uint64_t size;        /* bytes */
	unsigned sector_size; /* logical, bytes */
	/*
	 * Hardware identity, "" where the disk has none that counts: sysfs' wwid (NVMe eui/nguid, SCSI
	 * wwid), else "serial:<model>:<serial>" (spaces as '_'); all-zero ones do not count.
	 */
	char wwid[256];
	char model[64], serial[128];
	char transport[16]; /* nvme, scsi, virtio, loop, other */
	bool rotational, removable, read_only, zoned, hidden;
	bool wwid_repeated; /* another disk of this node has the same wwid: neither counts */
};

struct sd_disks {
	struct sd_disk *disk;
	size_t n;
};

/*
 * All whole disks that the kernel shows now, in the order of their names (nvme2n1 before nvme10n1):
 * NVMe, SCSI, virtio, Xen, MMC, and loop devices with a file behind them; not dm, md, RAM, optical.
 * Free with sd_disks_free().
 */
int sd_disks_read(struct sd_disks *ret, struct sd_error *err);
void sd_disks_free(struct sd_disks *disks);

/*
 * One disk, from what a person writes: a kernel name, a path or a link to it (/dev/disk/by-id/...),
 * or its WWID. A partition is refused with -EINVAL, naming its disk. -ENODEV: no such disk.
 */
int sd_disk_resolve(const char *what, struct sd_disk *ret, struct sd_error *err);

/* Opens the disk's node and checks that it is the device meant (st_rdev, size). flags as open(2). */
int sd_disk_open(const struct sd_disk *disk, int flags, int *ret_fd, struct sd_error *err);

/*
 * DESIGN section 7, all of it but the pool's rules: may this disk be prepared? fd is open for reading
 * and its flock held by the caller. Returns 0: yes. Else err says why not in plain words:
 * -EEXIST: not blank (the one reason that --force can override);
 * -EBUSY: in use (mounted in any mount namespace, swap, holder, open for writing, array member ...);
 * -EPERM: a disk of a kind that is never touched (read-only, removable, zoned, hidden, no identity,
 * a repeated identity, too small); any other: could not tell, which means no.
 */
int sd_disk_check_free(const struct sd_disk *disk, int fd, struct sd_error *err);

/*
 * Only the part of it that holds for one of our own disks too: nobody else uses the disk or a
 * partition of it (-EBUSY, err says who), and it is of a kind that may be written (-EPERM).
 */
int sd_disk_check_idle(const struct sd_disk *disk, int fd, struct sd_error *err);

/* Smallest disk that can carry a volume. */
#define SD_DISK_MIN_SIZE (64ull << 20)
