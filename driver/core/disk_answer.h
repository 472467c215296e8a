/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether a disk answers at all. A read of one that does not never comes back, and its process cannot
 * be killed: whoever is about to read a disk that is not its own business asks here first.
 */

#include "disk.h"
#include "error.h"

#define SD_DISK_PATIENCE_MS 2000 /* where a disk is one of many */
#define SD_DISK_LONG_PATIENCE_MS \
	20000 /* where it is the one that is meant: it may have to spin up */

/*
 * Reads the disk's first bytes in a process of their own, and waits so long for it at most. Where requests
 * wait in the disk already it is watched first, so that a silent disk holds one such process, not one
 * for each call. -ETIMEDOUT: it does not answer, and err says so. 0: it answers, if only with an
 * error; that is the next reader's to tell.
 */
int sd_disk_answers(const struct sd_disk *disk, unsigned patience_ms, struct sd_error *err);
