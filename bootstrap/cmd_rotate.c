/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk rotate: another key for a volume, which may be in use meanwhile. */

#include "cleanup.h"
#include "commands.h"
#include "crypt.h"
#include "encrypted.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>

struct arguments {
	struct key_arguments old_key;
	struct key_source new_key;
	enum sd_kdf kdf;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		KEY_OPTIONS,
		{ "new-key", required_argument, NULL, 'n' },
		{ "new-key-file", required_argument, NULL, 'N' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c == 'n')
			arguments->new_key.key = optarg;
		else if (c == 'N')
			arguments->new_key.key_file = optarg;
		else if (!key_option(&arguments->old_key, c, optarg))
			return TOOL_USAGE;
	}
	return key_kdf(self, arguments->old_key.kdf, &arguments->kdf, err);
}

static int check(
        const struct command *self, const struct arguments *arguments, int n, struct sd_error *err)
{
	if (n != 1)
		return command_usage(self, err, "rotate takes one disk or volume");
	if (!key_source_is_given(&arguments->old_key.key) ||
	        !key_source_is_given(&arguments->new_key))
		return command_usage(self, err, "rotate takes the old key and a new one");
	if (key_source_is_stdin(&arguments->old_key.key) &&
	        key_source_is_stdin(&arguments->new_key))
		return command_usage(self, err, "stdin cannot carry both keys");
	return TOOL_OK;
}

static void describe_others(const struct sd_rotation *rotation)
{
	for (size_t i = 0; i < rotation->n_others; i++)
		printf("%s %d%s%s%s", i ? "," : "; left as they are: keyslots",
		        rotation->others[i].keyslot, rotation->others[i].token[0] ? " (" : "",
		        rotation->others[i].token, rotation->others[i].token[0] ? ")" : "");
	putchar('\n');
}

/* NULL without memory. */
static sd_json *describe_others_json(const struct sd_rotation *rotation)
{
	sd_json *others = sd_json_array();

	for (size_t i = 0; others && i < rotation->n_others; i++) {
		const char *token = rotation->others[i].token;
		sd_json *other = sd_json_object();

		(void)sd_json_set_int(other, "keyslot", rotation->others[i].keyslot);
		(void)sd_json_set_string(other, "token", token[0] ? token : NULL);
		if (sd_json_append(others, other) < 0) {
			sd_json_free(others);
			return NULL;
		}
	}
	return others;
}

static int report(const struct tool *tool, const struct sd_volume *volume,
        const struct sd_rotation *rotation, struct sd_error *err)
{
	sd_json *json, *others;

	if (!tool->json) {
		printf("%s: volume %s opens with the new key; %s", volume->disk.name,
		        volume->mark.id,
		        rotation->removed ? "the old one is destroyed"
		                          : "the old one opens nothing");
		describe_others(rotation);
		return 0;
	}
	json = encrypted_event("done", &volume->disk, volume->mark.id);
	others = json ? describe_others_json(rotation) : NULL;
	if (!others || sd_json_set(json, "otherKeyslots", others) < 0) {
		sd_json_free(json);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	(void)sd_json_set_bool(json, "added", rotation->added);
	(void)sd_json_set_int(json, "destroyedKeyslots", rotation->removed);
	return tool_print_json(json, false, err);
}

static int rotate(struct claim *claim, const struct sd_key *old_key, const struct sd_key *new_key,
        enum sd_kdf kdf, struct sd_rotation *rotation, struct sd_error *err)
{
	const struct sd_volume *volume = &claim->volume;
	int r;

	r = sd_crypt_rotate(volume->node, volume->mark.id, old_key, new_key, kdf, rotation, err);
	if (rotation->added)
		sd_log(LOG_NOTICE, "%s (%s): volume %s has a new key", volume->disk.name,
		        volume->disk.wwid, volume->mark.id);
	if (rotation->removed)
		sd_log(LOG_NOTICE, "%s (%s): the old key of volume %s is destroyed",
		        volume->disk.name, volume->disk.wwid, volume->mark.id);
	if (r < 0 && rotation->touched)
		sd_error_set(err, err->code, "%s; the same command goes on from here", err->text);
	return r;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_key_ struct sd_key old_key = SD_KEY_INIT, new_key = SD_KEY_INIT;
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	struct arguments arguments = { 0 };
	struct sd_rotation rotation = { 0 };
	int code, r;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, err);
	if (code != TOOL_OK)
		return code;
	arguments.old_key.key.passphrase = true;
	arguments.new_key.makes_keyslot = true;
	arguments.new_key.passphrase = arguments.kdf == SD_KDF_ARGON2ID;
	r = encrypted_take(argv[optind], "rotate", &claim, err);
	if (r == 0)
		r = encrypted_key(&arguments.old_key.key, &claim.volume, &old_key, err);
	if (r == 0 && encrypted_key(&arguments.new_key, &claim.volume, &new_key, err) < 0)
		r = sd_error_wrap(err, "the new key");
	if (r == 0)
		r = rotate(&claim, &old_key, &new_key, arguments.kdf, &rotation, err);
	if (r == 0)
		r = report(tool, &claim.volume, &rotation, err);
	if (r == 0)
		return TOOL_OK;
	return rotation.touched ? TOOL_FAILED : tool_exit_code(err);
}

const struct command cmd_rotate = {
	.name = "rotate",
	.summary = "Give an encrypted volume another key, also while it is mounted",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = "  --key SOURCE         the key until now: file:NAME, secret:NAME or both:A,B\n"
	        "  --key-file PATH      it, or the Secret's value: the content of a file; -: of stdin\n"
	        "  --new-key SOURCE     the new key, in the same ways\n"
	        "  --new-key-file PATH  it, or the Secret's value\n"
	        "  --kdf KDF            of the new key: pbkdf2 (default) or argon2id, for passphrases\n",
	.changes_disks = true,
	.run = run,
};
