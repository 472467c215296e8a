/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a person means by DISK|VOLUME. */

#include "disk.h"
#include "error.h"
#include "id.h"
#include "survey.h"

#include <stdbool.h>

/* Whether the word is a volume ID or a PersistentVolume's name (solodisk.<ID>); then its ID. */
bool which_is_volume(const char *word, char ret_id[SD_ID_SIZE]);

/*
 * The disk meant: by kernel name, path, link, WWID, volume ID or PersistentVolume name. -ENODEV: no
 * such disk or volume.
 */
int which_disk(const char *word, struct sd_disk *ret, struct sd_error *err);

/*
 * The volume meant, by the same words, looked at and nothing changed. -EINVAL: the disk carries none
 * that can be used; -ENOTUNIQ: another disk of the node has its WWID, or carries the same volume. Free
 * with survey_free(), also after an error.
 */
int which_volume(const char *word, struct survey *ret, struct sd_error *err);
