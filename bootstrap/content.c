/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "content.h"
#include "cancel.h"
#include "cleanup.h"
#include "filesystem.h"
#include "log.h"
#include "note.h"
#include "probe.h"
#include "wipe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define MIB (UINT64_C(1) << 20)
#define XFS_MIN (300 * MIB) /* mkfs.xfs 5.19 and later refuse less */
#define LUKS_OVERHEAD (16 * MIB)
#define TABLE_OVERHEAD (2 * MIB)

static void step(const struct events *events, const char *name)
{
	if (events)
		events->step(events->data, name);
}

bool content_is_known(const char *filesystem)
{
	return strcmp(filesystem, CONTENT_NONE) == 0 || sd_filesystem_is_known(filesystem);
}

bool content_is_none(const struct recipe *recipe)
{
	return strcmp(recipe->filesystem, CONTENT_NONE) == 0;
}

int content_check_none(const char *node, struct sd_error *err)
{
	struct sd_content content;
	int r;

	r = sd_probe_node(node, &content, err);
	if (r == 0)
		return sd_error_set(err, EUCLEAN, "it holds %s", content.type);
	if (r != -ENODATA)
		return r;
	sd_error_clear(err);
	return 0;
}

int content_check_size(
        const struct recipe *recipe, const struct sd_disk *disk, struct sd_error *err)
{
	uint64_t needed = TABLE_OVERHEAD;

	if (strcmp(recipe->filesystem, "xfs") == 0)
		needed += XFS_MIN;
	if (recipe->key)
		needed += LUKS_OVERHEAD;
	if (disk->size >= needed)
		return 0;
	return sd_error_set(err, EPERM, "the disk has %" PRIu64 " MiB, %s%s needs %" PRIu64,
	        disk->size / MIB, recipe->filesystem, recipe->key ? " in LUKS2" : "", needed / MIB);
}

bool content_is_medium_error(int code)
{
	switch (code < 0 ? -code : code) {
	case EIO: /* also mkfs' own failures, which on a checked disk are the disk's */
	case EREMOTEIO:
	case ENODATA:
	case EILSEQ:
	case EBADE:
	case ENOSPC:
		return true;
	default:
		return false;
	}
}

/* The reason on the disk itself, beside what was half done. */
static int note_failure(
        const struct sd_volume *volume, const struct sd_error *why, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_note note;
	int r;

	r = sd_note_open(volume->disk_fd, true, &fd, err);
	if (r < 0)
		return r;
	if (sd_note_read(fd, volume->mark.id, &note, NULL) < 0)
		note = (struct sd_note){ .doing = "" };
	memcpy(note.id, volume->mark.id, sizeof(note.id));
	(void)snprintf(note.reason, sizeof(note.reason), "%s", why->text);
	note.failed_at = (uint64_t)time(NULL);
	return sd_note_write(fd, volume->mark.id, &note, err);
}

void content_mark_failed(struct sd_volume *volume, const struct sd_error *why)
{
	struct sd_error err = SD_ERROR_INIT;

	sd_log(LOG_ERR, "%s (%s), volume %s: %s; it is marked failed", volume->disk.name,
	        volume->disk.wwid, volume->mark.id, why->text);
	if (note_failure(volume, why, &err) < 0)
		sd_log(LOG_ERR, "%s: the reason is not on the disk: %s", volume->disk.name,
		        err.text);
	if (sd_volume_set_state(volume, SD_STATE_FAILED, &err) < 0)
		sd_log(LOG_ERR, "%s: nor can it be marked failed: %s", volume->disk.name, err.text);
}

/* mkfs inherits the disk's lock, so that a killed solodisk leaves no mkfs without one. */
static int make_filesystem(struct sd_volume *volume, const char *device,
        const struct recipe *recipe, const struct events *events, struct sd_error *err)
{
	char type[16];
	int r;

	step(events, "filesystem");
	r = cancel_check(err);
	if (r == 0)
		r = sd_filesystem_make(
		        device, recipe->filesystem, volume->mark.id, volume->disk_fd, err);
	if (r < 0)
		return r;
	step(events, "check");
	return sd_filesystem_check(device, volume->mark.id, recipe->filesystem, type, err);
}

static int make_encrypted(struct sd_volume *volume, const struct recipe *recipe,
        const struct events *events, struct sd_error *err)
{
	const char *id = volume->mark.id;
	struct sd_mapping mapping;
	bool was_open;
	int r;

	step(events, "encryption");
	r = cancel_check(err);
	if (r == 0)
		r = sd_crypt_format(volume->node, id, recipe->key, recipe->kdf, err);
	if (r == 0)
		r = sd_crypt_open(volume->node, volume->devno, id, recipe->key,
		        volume->disk.rotational, &mapping, &was_open, err);
	if (r < 0)
		return r;
	r = make_filesystem(volume, mapping.node, recipe, events, err);
	if (r < 0) {
		(void)sd_crypt_close(id, NULL);
		return r;
	}
	return sd_crypt_close(id, err);
}

/* What was in the midst of a blank disk, nobody has looked at; a filesystem would hide it, here it lies open. */
static int make_none(const struct sd_volume *volume, const struct recipe *recipe,
        const struct events *events, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct wipe wipe = { .events = events };
	int r;

	if (recipe->is_erased)
		return content_check_none(volume->node, err);
	step(events, "zero");
	r = wipe_open(volume->node, &fd, &wipe.size, err);
	if (r < 0)
		return r;
	wipe.fd = fd;
	r = wipe_zero(&wipe, 0, wipe.size, err);
	return r < 0 ? r : wipe_verify_zero(&wipe, 0, wipe.size, &(uint64_t){ 0 }, err);
}

/* What is ready has no half-done work to be noted. */
static int clear_note(const struct sd_volume *volume, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	int r = sd_note_open(volume->disk_fd, true, &fd, err);

	return r < 0 ? r : sd_note_clear(fd, err);
}

static int make(struct sd_volume *volume, const struct recipe *recipe, const struct events *events,
        struct sd_error *err)
{
	int r;

	step(events, "partition");
	r = sd_volume_grow(volume, err); /* the disk may have grown since it got its table */
	if (r == 0 && content_is_none(recipe))
		r = make_none(volume, recipe, events, err);
	else if (r == 0)
		r = recipe->key ? make_encrypted(volume, recipe, events, err)
		                : make_filesystem(volume, volume->node, recipe, events, err);
	if (r < 0 && content_is_none(recipe))
		return r;
	if (r < 0)
		return sd_error_wrap(
		        err, recipe->key ? "making LUKS2 and %s" : "making %s", recipe->filesystem);
	step(events, "mark ready");
	return clear_note(volume, err);
}

int content_make(struct sd_volume *volume, const struct recipe *recipe, const struct events *events,
        struct sd_error *err)
{
	int r = make(volume, recipe, events, err);

	if (r < 0) {
		if (content_is_medium_error(r))
			content_mark_failed(volume, err);
		return r;
	}
	r = sd_volume_set_state(volume, SD_STATE_READY, err);
	if (r == 0)
		sd_log(LOG_NOTICE, "%s (%s): volume %s is ready, %s%s", volume->disk.name,
		        volume->disk.wwid, volume->mark.id,
		        content_is_none(recipe) ? "for block mode" : recipe->filesystem,
		        recipe->key ? " in LUKS2" : "");
	return r;
}
