/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The key that a person gives a command, as in a PersistentVolume's options: --key secret:NAME,
 * file:NAME, token or both:A,B. The value of a Secret comes by --key-file, from a file that only root
 * may read or from stdin; --key-file alone is that value too.
 */

#include "commands.h"
#include "crypt.h"
#include "error.h"
#include "key.h"

#include <stdbool.h>

struct key_source {
	const char *key;      /* --key */
	const char *key_file; /* --key-file PATH, "-": stdin */
	bool passphrase; /* of a keyslot to come: may be shorter than SD_KEY_MIN_SIZE, with Argon2id */
	/* The volume that it opens: its token is asked, its keyslots judge a short key. NULL: a new one */
	const char *device, *id;
	bool makes_keyslot; /* a keyslot is made of it, though the volume is not new */
};

/* Whether one is named at all. */
bool key_source_is_given(const struct key_source *source);

/* Whether the question cannot be asked, since stdin carries the key. */
bool key_source_is_stdin(const struct key_source *source);

/*
 * Reads it into protected memory, and keeps this process and its children from being dumped, and it
 * from being traced by its own user. -EINVAL: named wrongly, or too short; -EPERM: others may read the
 * file; -ENOKEY: a part is not there.
 */
int key_source_read(const struct key_source *source, struct sd_key *ret, struct sd_error *err);

/* The options of a command that takes a key. */
/* clang-format off */
#define KEY_OPTIONS                                         \
	{ "key", required_argument, NULL, 'k' },        \
	{ "key-file", required_argument, NULL, 'K' },   \
	{ "kdf", required_argument, NULL, 'd' }
/* clang-format on */

struct key_arguments {
	struct key_source key;
	const char *kdf;
};

/* Takes one option from the table above; false: it is none of them. */
bool key_option(struct key_arguments *arguments, int c, const char *value);

/* TOOL_OK, or TOOL_USAGE with err when there is no KDF of that name (NULL: the default). */
int key_kdf(const struct command *self, const char *name, enum sd_kdf *ret, struct sd_error *err);
