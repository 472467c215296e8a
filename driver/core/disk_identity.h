/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What makes one disk another disk than its neighbour: part of disk.[ch]. */

#include "disk.h"

/* Fills wwid, model and serial of a disk whose name and transport are known, from sysfs. */
void sd_disk_read_identity(struct sd_disk *disk);

/* Its wwid alone; what else it fills is not for use. */
void sd_disk_read_wwid(struct sd_disk *disk);
