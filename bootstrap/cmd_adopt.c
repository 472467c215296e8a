/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * solodisk adopt: takes back a volume whose PersistentVolume is gone, with its data. Nothing is written
 * but a damaged copy of the partition table; nothing is formatted, mended or mounted.
 */

#include "claim.h"
#include "cleanup.h"
#include "commands.h"
#include "inside.h"
#include "key_spec.h"
#include "keysource.h"
#include "log.h"
#include "publish.h"
#include "table.h"
#include "which.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct adopt {
	const struct tool *tool;
	struct publish publish;
	const char *key_file; /* the Secret's value */
	bool block;           /* as a raw device, whatever is on it */
	struct sd_key key;
	struct survey survey;
	struct claim claim;
	struct inside inside;
};

static int parse(struct adopt *adopt, struct tool *tool, const struct command *self, int argc,
        char **argv, struct sd_error *err)
{
	static const struct option options[] = {
		PUBLISH_OPTIONS,
		{ "key-file", required_argument, NULL, 'K' },
		{ "volume-mode", required_argument, NULL, 'm' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (publish_option(&adopt->publish, c, optarg))
			continue;
		if (c == 'K')
			adopt->key_file = optarg;
		else if (c == 'm' && strcmp(optarg, "Block") == 0)
			adopt->block = true;
		else if (c == 'm' && strcmp(optarg, "Filesystem") == 0)
			adopt->block = false;
		else if (c == 'm')
			return command_usage(self, err, "--volume-mode is Filesystem or Block");
		else
			return TOOL_USAGE;
	}
	if (adopt->block && (adopt->publish.key || adopt->publish.filesystem))
		return command_usage(self, err,
		        "in block mode there is no key and no filesystem: the tenant gets the device");
	if (argc - optind != 1)
		return command_usage(self, err, "adopt takes one disk or volume");
	if (adopt->key_file && !adopt->publish.key)
		return command_usage(self, err,
		        "--key-file only tries the key; --key says where the driver will get it");
	return publish_check(self, &adopt->publish, err);
}

static int check_state(const struct survey *survey, bool block, struct sd_error *err)
{
	const char *id = survey->mark.id;

	switch (survey->mark.state) {
	case SD_STATE_USED:
		return 0;
	case SD_STATE_READY:
		if (block && survey->is_empty)
			return 0;
		if (block)
			return sd_error_set(err, EINVAL,
			        "volume %s was not made for block mode; \"solodisk erase --filesystem "
			        "none\" makes it anew",
			        id);
		return sd_error_set(err, EPERM,
		        "volume %s was never used; \"solodisk pv\" prints its PersistentVolume",
		        id);
	case SD_STATE_PREPARING:
		return sd_error_set(err, EPERM,
		        "volume %s is in state preparing and holds nothing; \"solodisk prepare\" goes on",
		        id);
	case SD_STATE_ERASING:
		return sd_error_set(err, EPERM,
		        "volume %s is being erased, and its data is not whole any more; \"solodisk "
		        "erase\" goes on",
		        id);
	default:
		return sd_error_set(err, EPERM,
		        "volume %s is in state failed, \"solodisk show\" says why; then \"solodisk erase\" "
		        "or \"solodisk release --failed\"",
		        id);
	}
}

/* The key is tried if it is all here: without it no pod could start. Only a Secret's may be missing. */
static int read_key(struct adopt *adopt, struct sd_error *err)
{
	_cleanup_key_spec_ struct sd_key_spec spec = { 0 };
	struct key_source source = {
		.key = adopt->publish.key,
		.key_file = adopt->key_file,
		.device = adopt->claim.volume.node,
		.id = adopt->claim.volume.mark.id,
	};
	int r;

	if (!source.key)
		return 0;
	r = sd_key_spec_parse(source.key, &spec, err);
	if (r < 0 || (sd_key_spec_has(&spec, SD_KEY_SECRET) && !source.key_file))
		return r;
	return key_source_read(&source, &adopt->key, err);
}

/* Both locks; a damaged copy of the table is mended on the way. */
static int take(struct adopt *adopt, struct sd_error *err)
{
	const struct sd_mark *mark = &adopt->claim.volume.mark;
	int r;

	r = claim_take(&adopt->survey.disk, "adopt", &adopt->claim, err);
	if (r < 0)
		return r;
	if (strcmp(mark->id, adopt->survey.mark.id) != 0 || mark->state != adopt->survey.mark.state)
		return sd_error_set(err, ESTALE, "it changed meanwhile; look at it and repeat");
	return sd_volume_partition(&adopt->claim.volume, err);
}

/* In block mode no driver marks it before its first tenant, so that is done now. */
static int mark_used(struct adopt *adopt, struct sd_error *err)
{
	if (adopt->survey.mark.state == SD_STATE_USED)
		return 0;
	return sd_volume_set_state(&adopt->claim.volume, SD_STATE_USED, err);
}

static int check_filesystem(const struct inside *inside, struct sd_error *err)
{
	const char *type = inside->filesystem;
	bool is_xfs = strcmp(type, "xfs") == 0;

	if (!inside->seen)
		return 0;
	if (inside->superblock.size > inside->room)
		return sd_error_set(err, EUCLEAN,
		        "its %s takes %" PRIu64 " bytes, but has only %" PRIu64
		        ": the disk or its table was changed; nothing can mount it so",
		        type, inside->superblock.size, inside->room);
	if (inside->superblock.needs_repair)
		return sd_error_set(err, EUCLEAN,
		        "its %s notes that it is damaged; run %s on it before a pod gets it, then "
		        "repeat",
		        type, is_xfs ? "xfs_repair" : "e2fsck");
	return 0;
}

/* For a person; the PersistentVolume alone is on stdout. */
static void tell(const struct adopt *adopt)
{
	const struct survey *survey = &adopt->survey;
	const struct inside *inside = &adopt->inside;
	const char *name = survey->disk.name;
	char size[TABLE_SIZE_TEXT];

	if (adopt->tool->json)
		return;
	if (adopt->block) {
		fprintf(stderr, "%s: volume %s, %s, for block mode: %s\n", name, survey->mark.id,
		        table_size(size, survey->mark.size, false),
		        survey->mark.state == SD_STATE_USED ? "its data is kept"
		                                            : "it is marked used");
		return;
	}
	fprintf(stderr, "%s: volume %s, used, %s%s%s, %s: its data is kept\n", name,
	        survey->mark.id, inside->filesystem, inside->luks && inside->seen ? " in " : "",
	        inside->luks ? "LUKS2" : "", table_size(size, survey->mark.size, false));
	if (survey->mark.needs_repair)
		fprintf(stderr, "%s: a damaged copy of its partition table was mended\n", name);
	if (inside->luks)
		fprintf(stderr, "%s: %s\n", name,
		        adopt->key.data
		                ? "the key opens it"
		                : "no key was tried; --key-file with the Secret's value does");
	if (survey->mounts.n > 0)
		fprintf(stderr, "%s: it is mounted at %s\n", name, survey->mounts.mount[0].target);
	else if (inside->seen && inside->superblock.needs_replay)
		fprintf(stderr,
		        "%s: it was not unmounted cleanly; the next mount replays its journal\n",
		        name);
	if (survey->mark.disk_grew)
		fprintf(stderr, "%s: the disk grew; the volume follows at the next mount\n", name);
}

static int print(struct adopt *adopt, struct sd_error *err)
{
	const struct sd_volume *volume = &adopt->claim.volume;
	struct pv pv = {
		.id = volume->mark.id,
		.capacity = pv_capacity(volume->mark.size, adopt->inside.luks),
		.wwid = volume->disk.wwid[0] ? volume->disk.wwid : NULL,
		.fs_type = adopt->inside.seen ? adopt->inside.filesystem : NULL,
		.luks = adopt->inside.luks,
		.reclaim = "Retain",
		.adopted = adopt->survey.mark.state == SD_STATE_USED,
		.block = adopt->block,
	};
	int r;

	r = publish_check_volume(&adopt->publish, &pv, err);
	if (r < 0)
		return r;
	tell(adopt);
	sd_log(LOG_NOTICE, "%s (%s): volume %s is adopted, with its data", volume->disk.name,
	        volume->disk.wwid, volume->mark.id);
	return publish_print(&adopt->publish, &pv, err);
}

static int do_adopt(struct adopt *adopt, const char *word, struct sd_error *err)
{
	int r;

	r = which_volume(word, &adopt->survey, err);
	if (r == 0)
		r = check_state(&adopt->survey, adopt->block, err);
	if (r == 0)
		r = take(adopt, err);
	if (r == 0 && adopt->block) {
		r = mark_used(adopt, err);
		return r == 0 ? print(adopt, err) : r;
	}
	if (r == 0)
		r = read_key(adopt, err);
	if (r == 0)
		r = inside_look(&adopt->claim.volume, adopt->key.data ? &adopt->key : NULL,
		        &adopt->inside, err);
	if (r == 0)
		r = check_filesystem(&adopt->inside, err);
	if (r == -ENODATA)
		return sd_error_set(err, ENODATA,
		        "%s; nothing was changed, and none of its data is lost by this: look at it with "
		        "\"xfs_repair -n\" or \"e2fsck -n\", which only read",
		        err->text);
	return r == 0 ? print(adopt, err) : r;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	struct adopt adopt = { .tool = tool, .key = SD_KEY_INIT, .claim = CLAIM_INIT };
	int code, r;

	code = parse(&adopt, tool, self, argc, argv, err);
	if (code != TOOL_OK)
		return code;
	r = do_adopt(&adopt, argv[optind], err);
	claim_drop(&adopt.claim);
	survey_free(&adopt.survey);
	sd_key_free(&adopt.key);
	return r == 0 ? TOOL_OK : tool_exit_code(err);
}

const struct command cmd_adopt = {
	.name = "adopt",
	.summary = "Take back a used volume whose PersistentVolume is gone, with its data",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = PUBLISH_HELP
	"  --key-file PATH       try this key, as of the Secret; -: of stdin\n"
	"  --volume-mode MODE    Filesystem (default), or Block: the raw device; one that is\n"
	"                        ready is marked used first\n",
	.changes_disks = true,
	.run = run,
};
