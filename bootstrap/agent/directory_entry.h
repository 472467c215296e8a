/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One entry of a directory of the node's configuration: may it be published, and as what? */

#include "directory_device.h"
#include "error.h"
#include "node_config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct directory_entry {
	size_t directory; /* its number in the configuration */
	char name[NAME_MAX + 1];
	enum volume_mode mode;
	uint64_t capacity; /* bytes, as it is published */
	dev_t devno;       /* the block device, or that of the filesystem as mountinfo has it */
	int mount_id;      /* of a filesystem: this very mount */
	bool part;         /* only a directory of a filesystem is mounted there, by a bind mount */
	char identity[DIRECTORY_IDENTITY_SIZE];
	struct sd_error err; /* code 0: it may be published; else why not */
};

/*
 * Looks at an entry, and changes nothing. Whatever is wrong with it is in ret->err: -ENOTCONN a plain
 * directory, -EEXIST solodisk's own disk, -EBUSY a device in use, -EROFS, -EINVAL of a kind that is not
 * published here, others. *ret_root (PATH_MAX): which directory of its filesystem is mounted there.
 */
void directory_entry_look(const struct node_config *config, size_t directory, const char *name,
        struct directory_entry *ret, char *ret_root);

/*
 * Opens what an entry is now, to clean it: a filesystem's root directory (O_PATH), or a block device's
 * node (O_PATH). -ESTALE: it is not that mount or that device any more. *ret_fd is the caller's.
 */
int directory_entry_open(const struct directory *directory, const struct directory_entry *entry,
        int *ret_fd, struct sd_error *err);

/* Which mount an open file is on. */
int directory_mount_id(int fd, int *ret, struct sd_error *err);

/* Where the agent finds an entry; PATH_MAX bytes. -ENAMETOOLONG. */
int directory_entry_path(
        const struct directory *directory, const char *name, char *ret, struct sd_error *err);
