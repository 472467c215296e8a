/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recipe.h"
#include "filesystem.h"

#include <stdio.h>
#include <string.h>

bool recipe_option(struct recipe_arguments *arguments, int c, const char *value)
{
	switch (c) {
	case 'f':
		arguments->filesystem = value;
		return true;
	case 'e':
		arguments->encrypt = value;
		return true;
	case 'k':
		arguments->key.key = value;
		return true;
	case 'K':
		arguments->key.key_file = value;
		return true;
	case 'd':
		arguments->kdf = value;
		arguments->key.passphrase = strcmp(value, "argon2id") == 0;
		return true;
	default:
		return false;
	}
}

int recipe_check(const struct command *self, const struct recipe_arguments *arguments,
        bool stdin_is_taken, struct recipe *ret, struct sd_error *err)
{
	const char *type = arguments->filesystem;

	if (type && !sd_filesystem_is_known(type))
		return command_usage(
		        self, err, "there is no filesystem \"%s\", only xfs and ext4", type);
	if (type)
		(void)snprintf(ret->filesystem, sizeof(ret->filesystem), "%s", type);
	if (!arguments->kdf || strcmp(arguments->kdf, "pbkdf2") == 0)
		ret->kdf = SD_KDF_PBKDF2;
	else if (strcmp(arguments->kdf, "argon2id") == 0)
		ret->kdf = SD_KDF_ARGON2ID;
	else
		return command_usage(self, err, "--kdf is pbkdf2 or argon2id");
	if (arguments->kdf && !key_source_is_given(&arguments->key))
		return command_usage(self, err, "--kdf goes with a key");
	if (key_source_is_stdin(&arguments->key) && stdin_is_taken)
		return command_usage(
		        self, err, "stdin cannot carry both the key and an answer; give --yes too");
	return TOOL_OK;
}

void recipe_describe(const struct recipe *recipe, sd_json *json)
{
	(void)sd_json_set_string(json, "filesystem", recipe->filesystem);
	(void)sd_json_set_string(json, "encryption", recipe->key ? "luks2" : NULL);
}
