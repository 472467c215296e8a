/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The device behind an entry of a directory: is it solodisk's own, and will it be known again? */

#include "error.h"
#include "node_config.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether a directory may have the device: not if it is, or is a part of, a disk with a volume of
 * solodisk's (-EEXIST). With blank true also not if a pool of the configuration would take the whole
 * disk. What cannot be told is an error, and means no. A filesystem without a device may be had.
 */
int directory_device_check(
        dev_t devno, const struct node_config *config, bool blank, struct sd_error *err);

/* Whether two are the same, or one of them is a partition of the other. */
bool directory_devices_overlap(dev_t a, dev_t b);

#define DIRECTORY_IDENTITY_SIZE 320

/*
 * What is remembered of an entry in its PersistentVolume: a filesystem's UUID ("uuid:..."), of a block
 * device the disk's WWID with the partition's place, or the mapping's UUID. "": it has none.
 */
void directory_identity_of_filesystem(dev_t devno, char ret[DIRECTORY_IDENTITY_SIZE]);
void directory_identity_of_device(dev_t devno, char ret[DIRECTORY_IDENTITY_SIZE]);
