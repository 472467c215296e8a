/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A disk with its partitions, to be looked for among what the node uses: part of disk.[ch]. */

#include "disk.h"

/* A whole disk, first, and its partitions. */
struct sd_device_set {
	struct {
		char name[32];
		dev_t devno;
	} * device;
	size_t n;
};

int sd_device_set_read(const struct sd_disk *disk, struct sd_device_set *ret, struct sd_error *err);
void sd_device_set_free(struct sd_device_set *set);
#define _cleanup_device_set_ __attribute__((cleanup(sd_device_set_free)))

/*
 * The name of the device of the set with this number, with this path word for word, or to which this
 * path leads; NULL: none of the set.
 */
const char *sd_device_set_by_devno(const struct sd_device_set *set, dev_t devno);
const char *sd_device_set_by_name(const struct sd_device_set *set, const char *path);
const char *sd_device_set_by_path(const struct sd_device_set *set, const char *path);
