/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What lies on a block device, by libblkid's low-level probing; its only user. Four answers, never a
 * guess: found, nothing, more than one thing, could not tell. The last two are errors.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct sd_content {
	char type[32];      /* "xfs", "ext4", "crypto_LUKS", "LVM2_member", "gpt", "dos", ... */
	char uuid[64];      /* as libblkid prints it; empty: it has none */
	char label[64];     /* empty: none */
	char subsystem[64]; /* LUKS2 */
	char usage[16]; /* libblkid's word: filesystem, raid, crypto, other; "table": partitions */
};

/*
 * Whether this is a part of something that spans disks: an array, a volume group, a pool, a cache.
 * libblkid's own word for that is "raid", but it calls a member of a ZFS pool a filesystem, and has other
 * words for what belongs to Ceph or Oracle ASM.
 */
bool sd_content_is_member(const struct sd_content *content);

/*
 * Loads libblkid now, for a process that will probe in many children: else each of them loads it.
 * -ELIBACC.
 */
int sd_probe_preload(struct sd_error *err);

/*
 * The one superblock on a partition or mapping. fd is open for reading and stays the caller's; path
 * is for error texts. Returns 0; -ENODATA: nothing there; -ENOTUNIQ: signatures of several formats
 * (err names two); -EIO and others: could not be read, so nothing is known.
 */
int sd_probe_content(int fd, const char *path, struct sd_content *ret, struct sd_error *err);

/*
 * The same for who needs the partition or mapping for nothing else; it is opened for reading, and closed.
 * -ENODATA is never that it could not be opened.
 */
int sd_probe_node(const char *node, struct sd_content *ret, struct sd_error *err);

/*
 * Whether a whole device holds nothing that libblkid knows: superblocks (also with a bad checksum),
 * partition tables (also a GPT without its protective MBR), RAID and volume manager members.
 * Returns 0: nothing was found; -EEXIST: something is there, *ret and err name it; any other error:
 * could not tell, which the caller treats as "not blank".
 */
int sd_probe_blank(int fd, const char *path, struct sd_content *ret, struct sd_error *err);
