/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the two files of sd_crypt_settle() share. Nobody else includes this. */

#include "json.h"

#include <stdbool.h>

struct sd_settle {
	const char *device;
	const sd_json *now;      /* the JSON on the disk */
	const char *segment;     /* the one that is no backup; of now, as these are */
	const char *final;       /* and the one that has the new volume key */
	const char *digest;      /* of that */
	const sd_json *keyslots; /* of that: an array of their numbers */
};

/* Whether the array of strings contains the text. */
bool sd_settle_has(const sd_json *array, const char *text);

/*
 * Whether settle->now is of a header that has nothing but a re-encryption under way, and all data under one
 * volume key already. Fills in the rest of settle.
 */
bool sd_settle_is_at_end(struct sd_settle *settle);

/* The JSON that is to follow. *ret is the caller's, also after an error: -ENOMEM. */
int sd_settle_make(const struct sd_settle *settle, sd_json **ret, struct sd_error *err);
