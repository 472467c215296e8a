/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Mappings that disks have left which are gone: they belong to no disk that could be listed. */

#include "crypt.h"
#include "error.h"
#include "json.h"

/* What there is to say of one: where it is mounted, or that it will be closed. */
void dead_describe(const char *id, const struct sd_mapping *mapping, char *ret_text, size_t size);

/* All of them: a line each on stdout, nothing if there is none. */
int dead_print(struct sd_error *err);

/* The same as an array, which is the caller's; NULL: it takes root to tell. */
int dead_json(sd_json **ret, struct sd_error *err);

/* Puts it behind the text of err, if the volume that was not found has left one. word may be anything. */
void dead_add_to_error(const char *word, struct sd_error *err);
