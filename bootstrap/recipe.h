/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The options that say what is made in a volume, shared by prepare and erase. */

#include "commands.h"
#include "content.h"
#include "keysource.h"

struct recipe_arguments {
	const char *filesystem, *encrypt;
	struct key_arguments keys;
};

/* clang-format off */
#define RECIPE_OPTIONS                                      \
	{ "filesystem", required_argument, NULL, 'f' }, \
	{ "encrypt", required_argument, NULL, 'e' },    \
	KEY_OPTIONS
/* clang-format on */

#define RECIPE_KEY_HELP                                                                               \
	"  --key SOURCE         file:NAME (in /etc/solodisk/keys), secret:NAME (its value by\n"       \
	"                       --key-file), or both:A,B of two of these\n"                           \
	"  --key-file PATH      the key, or the Secret's value: the content of a file; -: of stdin\n" \
	"  --kdf KDF            pbkdf2 (default) or argon2id, for passphrases\n"

/* Takes one option from the table above; false: it is none of them. */
bool recipe_option(struct recipe_arguments *arguments, int c, const char *value);

/*
 * Checks what was given and fills ret but for its key. Returns TOOL_OK, or TOOL_USAGE with err. An
 * absent --filesystem or --encrypt is for the command to judge.
 */
int recipe_check(const struct command *self, const struct recipe_arguments *arguments,
        bool stdin_is_taken, struct recipe *ret, struct sd_error *err);

/* Adds filesystem and encryption to an event. */
void recipe_describe(const struct recipe *recipe, sd_json *json);
