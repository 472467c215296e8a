/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Volume IDs: GUIDs in lower case with dashes. They become file, mapping and PV names. */

#include "error.h"

#include <stdbool.h>

#define SD_ID_SIZE 37                 /* with the NUL */
#define SD_MAPPING_NAME_SIZE 48       /* "solodisk-" and 32 digits */
#define SD_PV_NAME_SIZE 48            /* "solodisk." and the ID */
#define SD_PV_NAME_PREFIX "solodisk." /* a dot cannot occur in an inline volume's name */

/* Whether text is exactly a volume ID in its one spelling. */
bool sd_id_is_valid(const char *text);

/* Takes a GUID in any case, as libfdisk or a person writes it; -EINVAL for anything else. */
int sd_id_parse(const char *text, char ret_id[SD_ID_SIZE], struct sd_error *err);

/* Makes a new random one. */
int sd_id_new(char ret_id[SD_ID_SIZE], struct sd_error *err);

/* "solodisk-<ID without dashes>", the device-mapper name of a volume's LUKS mapping. */
void sd_id_mapping_name(const char *id, char ret_name[SD_MAPPING_NAME_SIZE]);

/* The other way round. -EINVAL: not such a name. */
int sd_id_from_mapping_name(const char *name, char ret_id[SD_ID_SIZE]);

/* "solodisk.<ID>", the PersistentVolume's name. */
void sd_id_pv_name(const char *id, char ret_name[SD_PV_NAME_SIZE]);
