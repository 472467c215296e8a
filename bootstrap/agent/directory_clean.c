/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_clean.h"
#include "cleanup.h"
#include "directory_empty.h"
#include "directory_use.h"
#include "log.h"
#include "opened.h"
#include "wipe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)

/* It is what the scan saw, and what the PersistentVolume was made of. */
static int check_same(const struct directory_clean *clean, const struct directory_entry *now,
        struct sd_error *err)
{
	if (now->err.code) {
		*err = now->err;
		return -now->err.code;
	}
	if (now->devno != clean->entry->devno || now->mount_id != clean->entry->mount_id)
		return sd_error_set(err, ESTALE, "something else is there now");
	if (clean->content && strcmp(clean->content, now->identity) != 0)
		return sd_error_set(err, ESTALE,
		        "%s was made of %s, but %s is there now: it is left alone", clean->pv,
		        clean->content, now->identity[0] ? now->identity : "something unknown");
	return 0;
}

static void tell_removed(void *data, uint64_t removed)
{
	const struct events *events = data;

	events->amount(events->data, removed, 0);
}

static int empty_filesystem(const struct directory_clean *clean, int fd,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	uint64_t removed = 0;
	int r = directory_use_of_mount(clean->entry->devno, clean->pv, err);

	if (r < 0)
		return r;
	events->step(events->data, "emptying");
	r = directory_empty(fd, tell_removed, (void *)(uintptr_t)events, &removed, err);
	ret->touched = removed > 0;
	sd_log(LOG_NOTICE, "%s: %" PRIu64 " files and directories removed%s", clean->pv, removed,
	        r < 0 ? ", not all" : "");
	return r;
}

/* The work on a device, and who hears how far it is. */
struct erasure {
	const struct events *events;
	uint64_t size;
};

static int tell_done(void *data, uint64_t done, struct sd_error *err)
{
	const struct erasure *erasure = data;

	(void)err;
	erasure->events->amount(erasure->events->data, done, erasure->size);
	return 0;
}

/* Both ends always with zeros: there lies what tells a program what a device is. */
static int erase(const struct directory_clean *clean, const struct wipe *wipe, struct sd_error *err)
{
	const struct directory *directory = &clean->config->directories[clean->entry->directory];
	uint64_t from = clean->from <= wipe->size ? clean->from / MIB * MIB : 0;
	uint64_t end = wipe->size < MIB ? wipe->size : MIB, bytes;
	int r;

	if (!directory->discards)
		r = wipe_zero(wipe, from, wipe->size, err);
	else
		r = wipe_discard(wipe, from, wipe->size, err);
	if (r == -EOPNOTSUPP)
		return sd_error_wrap(err, "use \"erase\": \"zero\"");
	if (r == 0 && directory->discards)
		r = wipe_zero(wipe, 0, end, err);
	if (r == 0 && directory->discards)
		r = wipe_zero(wipe, wipe->size - end, wipe->size, err);
	if (r == 0)
		r = wipe_verify_zero(wipe, 0, wipe->size, &bytes, err);
	if (r == -EBADMSG && directory->discards)
		return sd_error_wrap(err,
		        "it does not read as zeros after the discard, use \"erase\": \"zero\"");
	return r;
}

static int erase_device(const struct directory_clean *clean, int fd, const struct events *events,
        struct outcome *ret, struct sd_error *err)
{
	struct erasure erasure = { .events = events };
	struct wipe wipe = { .fd = -1, .checkpoint = tell_done, .data = &erasure };
	_cleanup_close_ int device = -1;
	char path[64];
	struct stat st;
	int r = opened_by_loop(clean->entry->devno, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = wipe_open(path, &device, &wipe.size, err);
	if (r < 0)
		return r;
	if (fstat(device, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != clean->entry->devno)
		return sd_error_set(err, ESTALE, "it is another device now");
	wipe.fd = device;
	erasure.size = wipe.size;
	events->step(events->data, "erasing");
	ret->touched = true;
	return erase(clean, &wipe, err);
}

int directory_clean_run(void *data, const struct sd_disk *disk, size_t i,
        const struct events *events, struct outcome *ret, struct sd_error *err)
{
	const struct directory_clean *clean = data;
	const struct directory *directory = &clean->config->directories[clean->entry->directory];
	_cleanup_close_ int fd = -1;
	struct directory_entry now;
	char root[PATH_MAX];
	int r;

	(void)disk;
	(void)i;
	directory_entry_look(
	        clean->config, clean->entry->directory, clean->entry->name, &now, root);
	r = check_same(clean, &now, err);
	if (r == 0)
		r = directory_entry_open(directory, &now, &fd, err);
	if (r < 0)
		return r;
	if (now.mode == VOLUME_BLOCK)
		r = erase_device(clean, fd, events, ret, err);
	else
		r = empty_filesystem(clean, fd, events, ret, err);
	return r;
}
