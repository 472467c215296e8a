/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The node's disks: enumeration from sysfs, identity, and "may I touch it, and why not". */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sd_disk {
	char name[32];  /* the kernel's: nvme0n1 */
	char node[256]; /* /dev/nvme0n1, below the root prefix */
	dev_t devno;
	uint64_t size;        /* bytes */
	unsigned sector_size; /* logical, bytes */
	/*
	 * Hardware identity, "" where the disk has none that counts: sysfs' wwid (NVMe eui/nguid, SCSI
	 * wwid), else "serial:<model>:<serial>" (a disk without a model: its transport); all-zero ones do
	 * not count. Runs of white space and what a file name cannot have are one '_'.
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
/* Those of them that have this WWID, for the price of one or two attributes of every other disk. */
int sd_disks_read_wwid(const char *wwid, struct sd_disks *ret, struct sd_error *err);
void sd_disks_free(struct sd_disks *disks);
#define _cleanup_disks_ __attribute__((cleanup(sd_disks_free)))

/* A partition as the kernel shows it now; what the table on the disk says is gpt.h's. */
struct sd_partition {
	char name[32], node[256]; /* nvme0n1p1, /dev/nvme0n1p1 below the root prefix */
	dev_t devno;
	unsigned number;
	uint64_t start, size; /* bytes */
};

struct sd_partitions {
	struct sd_partition *partition;
	size_t n;
};

/* The partitions that the kernel shows on a disk. Free with sd_partitions_free(). */
int sd_disk_partitions(const struct sd_disk *disk, struct sd_partitions *ret, struct sd_error *err);
void sd_partitions_free(struct sd_partitions *partitions);
#define _cleanup_partitions_ __attribute__((cleanup(sd_partitions_free)))

/*
 * One disk, from what a person writes: a kernel name, a path or a link to it (/dev/disk/by-id/...),
 * or its WWID. A partition is refused with -EINVAL, naming its disk. -ENODEV: no such disk.
 */
int sd_disk_resolve(const char *what, struct sd_disk *ret, struct sd_error *err);

/*
 * Opens the disk's node and checks that it is the device meant (st_rdev, size). flags as open(2).
 * -ENODEV: the node is another device's. Under a root prefix a file of that size counts as the disk.
 */
int sd_disk_open(const struct sd_disk *disk, int flags, int *ret_fd, struct sd_error *err);

/*
 * DESIGN section 7, all of it but the pool's rules: may this disk be prepared? fd is open for reading
 * and its flock held by the caller. Returns 0: yes. Else err says why not in plain words:
 * -EEXIST: not blank (the one reason that --force can override; remains.h has what else is blank);
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
