/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The key that a person gives a command: a file of the node's, any root-only file, or stdin. */

#include "error.h"
#include "key.h"

#include <stdbool.h>

struct key_source {
	const char *key;      /* --key file:NAME, as in a PersistentVolume's options */
	const char *key_file; /* --key-file PATH, "-": stdin */
};

/* Whether one is named at all. */
bool key_source_is_given(const struct key_source *source);

/* Whether the question cannot be asked, since stdin carries the key. */
bool key_source_is_stdin(const struct key_source *source);

/*
 * Reads it into protected memory, and keeps this process from being dumped or traced by its own user.
 * -EINVAL: named wrongly, or shorter than SD_KEY_MIN_SIZE (no driver could open the volume then);
 * -EPERM: others may read the file.
 */
int key_source_read(const struct key_source *source, struct sd_key *ret, struct sd_error *err);
