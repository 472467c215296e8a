/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk header: the LUKS2 header of a volume, repaired, or saved to a file and put back. */

#include "cleanup.h"
#include "commands.h"
#include "crypt.h"
#include "encrypted.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALLOW "--allow-revoked-keys"

struct arguments {
	struct key_arguments key;
	bool allow;
	const char *word, *path;
};

/* One of backup, restore and repair. *ret_changed: also when it fails. */
struct action {
	const char *name;
	bool has_file;
	const char *done;
	int (*run)(struct claim *claim, const struct arguments *arguments, const struct sd_key *key,
	        bool *ret_changed, struct sd_error *err);
};

static int backup(struct claim *claim, const struct arguments *arguments, const struct sd_key *key,
        bool *ret_changed, struct sd_error *err)
{
	const struct sd_volume *volume = &claim->volume;
	int r;

	(void)key;
	r = sd_crypt_header_backup(volume->node, volume->mark.id, arguments->path, err);
	if (r < 0)
		return r;
	*ret_changed = true;
	sd_log(LOG_WARNING,
	        "%s (%s): the LUKS2 header of volume %s was saved to %s: whoever has that file and "
	        "a key of today can open the disk, also after a rotation or a crypto-erase",
	        volume->disk.name, volume->disk.wwid, volume->mark.id, arguments->path);
	return 0;
}

static int restore(struct claim *claim, const struct arguments *arguments, const struct sd_key *key,
        bool *ret_changed, struct sd_error *err)
{
	const struct sd_volume *volume = &claim->volume;
	int r;

	r = claim_make_idle(claim, err);
	if (r == 0)
		r = sd_crypt_header_restore(volume->node, volume->devno, volume->mark.id,
		        arguments->path, key, ret_changed, err);
	if (r < 0)
		return r;
	sd_log(LOG_WARNING,
	        "%s (%s): the LUKS2 header of volume %s was put back from %s: every key that was "
	        "revoked since opens it again",
	        volume->disk.name, volume->disk.wwid, volume->mark.id, arguments->path);
	return 0;
}

static int repair(struct claim *claim, const struct arguments *arguments, const struct sd_key *key,
        bool *ret_changed, struct sd_error *err)
{
	(void)arguments;
	(void)key;
	return sd_crypt_header_repair(claim->volume.node, claim->volume.mark.id, ret_changed, err);
}

static const struct action actions[] = {
	{ "backup", true, "its header is saved; guard the file as you would all its keys", backup },
	{ "restore", true, "its header is put back; rotate keys that were revoked since", restore },
	{ "repair", false, "a damaged copy of its header was repaired from the other", repair },
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		KEY_OPTIONS,
		{ "allow-revoked-keys", no_argument, NULL, 'a' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c == 'a')
			arguments->allow = true;
		else if (!key_option(&arguments->key, c, optarg))
			return TOOL_USAGE;
	}
	if (arguments->key.kdf)
		return command_usage(self, err, "header makes no keyslot, so it takes no --kdf");
	return TOOL_OK;
}

static int check(const struct command *self, int n, char **words, struct arguments *arguments,
        const struct action **ret, struct sd_error *err)
{
	const struct action *action = NULL;

	for (size_t i = 0; n > 0 && i < SD_ARRAY_SIZE(actions); i++)
		if (strcmp(words[0], actions[i].name) == 0)
			action = &actions[i];
	if (!action)
		return command_usage(self, err, "header does one of backup, restore and repair");
	if (n != (action->has_file ? 3 : 2))
		return command_usage(self, err, "header %s takes a disk or volume%s", action->name,
		        action->has_file ? " and a file" : "");
	if ((action->run == restore) != key_source_is_given(&arguments->key.key))
		return command_usage(self, err, "header restore takes a key, the others none");
	if (action->has_file && !arguments->allow) {
		sd_error_set(err, EPERM,
		        "a backup of the header keeps every key of its time: with it a key that "
		        "was rotated away, or destroyed with the volume, opens the disk again; say " ALLOW
		        " if this is what you want");
		return TOOL_REFUSED;
	}
	arguments->word = words[1];
	arguments->path = action->has_file ? words[2] : NULL;
	*ret = action;
	return TOOL_OK;
}

static int report(const struct tool *tool, const struct action *action,
        const struct sd_volume *volume, bool changed, struct sd_error *err)
{
	sd_json *json;

	if (!tool->json) {
		printf("%s: volume %s: %s\n", volume->disk.name, volume->mark.id,
		        changed ? action->done : "both copies of its header are sound");
		return 0;
	}
	json = encrypted_event("done", &volume->disk, volume->mark.id);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "action", action->name);
	(void)sd_json_set_bool(json, "changed", changed);
	return tool_print_json(json, false, err);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	struct arguments arguments = { 0 };
	const struct action *action = NULL;
	bool changed = false;
	int code, r;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, argc - optind, argv + optind, &arguments, &action, err);
	if (code != TOOL_OK || !action)
		return code;
	arguments.key.key.passphrase = true;
	r = encrypted_take(arguments.word, "header", &claim, err);
	if (r == 0 && key_source_is_given(&arguments.key.key))
		r = encrypted_key(&arguments.key.key, &claim.volume, &key, err);
	if (r == 0)
		r = action->run(&claim, &arguments, &key, &changed, err);
	if (r == 0)
		r = report(tool, action, &claim.volume, changed, err);
	if (r == 0)
		return TOOL_OK;
	return changed ? TOOL_FAILED : tool_exit_code(err);
}

const struct command cmd_header = {
	.name = "header",
	.summary = "Repair the header of an encrypted volume, or save it and put it back",
	.arguments = "repair DISK|VOLUME\n"
	             "       solodisk header backup|restore [OPTION...] DISK|VOLUME FILE",
	.help = "  --allow-revoked-keys yes, a backup keeps every key that is revoked later\n"
	        "  --key SOURCE         restore: a key of the backup, file:NAME, secret:NAME or both:A,B\n"
	        "  --key-file PATH      it, or the Secret's value: the content of a file; -: of stdin\n",
	.changes_disks = true,
	.run = run,
};
