/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What directory_volume.c and directory_reclaim.c share: requests about one PersistentVolume. */

#include "directory_volume.h"
#include "json.h"

/*
 * A merge patch of metadata that is refused (-ESTALE) if the object has another version by then; NULL
 * version: of whatever version. NULL: no memory; the next one takes that.
 */
sd_json *request_metadata(const char *version);
/* Puts a label or an annotation into it; value NULL: that one is removed. */
void request_set(sd_json *body, const char *kind, const char *key, const char *value);

/* false: it could not be sent, and that is noted. */
bool directory_volume_send(
        struct directory_volume *volume, enum api_method method, sd_json *body, api_done done);

/* version NULL: of whatever version. */
void directory_volume_delete(struct directory_volume *volume, const char *uid, const char *version);

/* Adds one to the metric of what was done. */
void directory_volume_count(const struct directory_volume *volume, const char *what);

void directory_volume_failed(struct directory_volume *volume, const struct sd_error *err);
void directory_volume_went_well(struct directory_volume *volume);
