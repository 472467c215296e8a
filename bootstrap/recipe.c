/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recipe.h"
#include "content.h"

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
	default:
		return key_option(&arguments->keys, c, value);
	}
}

int recipe_check(const struct command *self, const struct recipe_arguments *arguments,
        bool stdin_is_taken, struct recipe *ret, struct sd_error *err)
{
	const char *type = arguments->filesystem;
	int code;

	if (type && !content_is_known(type))
		return command_usage(self, err,
		        "there is no filesystem \"%s\", only xfs and ext4, and none for block mode",
		        type);
	if (type && strcmp(type, CONTENT_NONE) == 0 &&
	        ((arguments->encrypt && strcmp(arguments->encrypt, "luks2") == 0) ||
	                key_source_is_given(&arguments->keys.key)))
		return command_usage(self, err,
		        "without a filesystem nothing is encrypted: in block mode no driver would open "
		        "it for the tenant");
	if (type)
		(void)snprintf(ret->filesystem, sizeof(ret->filesystem), "%s", type);
	code = key_kdf(self, arguments->keys.kdf, &ret->kdf, err);
	if (code != TOOL_OK)
		return code;
	if (arguments->keys.kdf && !key_source_is_given(&arguments->keys.key))
		return command_usage(self, err, "--kdf goes with a key");
	if (key_source_is_stdin(&arguments->keys.key) && stdin_is_taken)
		return command_usage(
		        self, err, "stdin cannot carry both the key and an answer; give --yes too");
	return TOOL_OK;
}

void recipe_describe(const struct recipe *recipe, sd_json *json)
{
	(void)sd_json_set_string(json, "filesystem", recipe->filesystem);
	(void)sd_json_set_string(json, "encryption", recipe->key ? "luks2" : NULL);
}
