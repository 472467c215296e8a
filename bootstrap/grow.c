/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grow.h"
#include "claim.h"
#include "cleanup.h"
#include "crypt.h"
#include "device.h"
#include "filesystem.h"
#include "inside.h"
#include "log.h"
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#define SMALLEST_GAIN (UINT64_C(1) << 20) /* partitions grow by whole MiB */

static int check_state(const struct survey *survey, struct sd_error *err)
{
	const char *id = survey->mark.id;

	switch (survey->mark.state) {
	case SD_STATE_READY:
	case SD_STATE_USED:
		return 0;
	case SD_STATE_PREPARING:
		return sd_error_set(err, EPERM,
		        "volume %s is being prepared; \"solodisk prepare\" goes on, with the disk's "
		        "whole size",
		        id);
	default:
		return sd_error_set(err, EPERM,
		        "volume %s is in state %s; \"solodisk erase\" goes on and makes it with the "
		        "disk's whole size",
		        id, sd_state_name(survey->mark.state));
	}
}

/* Returns 1: it is open now and has grown if it could; 0: not open; -ENOKEY. */
static int grow_mapping(const struct sd_volume *volume, const struct sd_key *key,
        struct sd_mapping *ret, struct sd_error *err)
{
	int r = sd_crypt_find(volume->mark.id, volume->devno, ret, err);

	if (r <= 0)
		return r;
	r = sd_crypt_grow(volume->node, volume->mark.id, key, err);
	return r < 0 ? r : 1;
}

/* Where the filesystem is mounted: its stage, which is writable, rather than a pod's bind. */
static const struct sd_mount *best_mount(const struct sd_mount_list *mounts)
{
	for (size_t i = 0; i < mounts->n; i++)
		if (strcmp(mounts->mount[i].root, "/") == 0 && !mounts->mount[i].read_only)
			return &mounts->mount[i];
	return mounts->n ? &mounts->mount[0] : NULL;
}

static int filesystem_size(const char *dir, uint64_t *ret, struct sd_error *err)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return sd_error_errno(
		        err, errno, "cannot tell the size of what is mounted at %s", dir);
	*ret = (uint64_t)fs.f_blocks * fs.f_frsize;
	return 0;
}

/* Not mounted: whether the next mount finds something to do, if that can be told. */
static enum grow_pending when_mounted(const struct inside *inside, uint64_t room)
{
	return inside->seen && inside->superblock.size + SMALLEST_GAIN > room ? GROW_PENDING_NOTHING
	                                                                      : GROW_PENDING_MOUNT;
}

static int node_size(const char *node, uint64_t *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = open(node, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? sd_error_errno(err, errno, "cannot open %s", node)
	              : sd_device_size(fd, node, ret, err);
}

static int grow_filesystem(const struct inside *inside, const char *id, const char *node,
        dev_t devno, struct grown *ret, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list mounts = { 0 };
	const struct sd_mount *mount;
	char type[16];
	uint64_t room;
	int r;

	r = sd_mounts_of_device(devno, &mounts, err);
	if (r < 0)
		return r;
	mount = best_mount(&mounts);
	if (!mount) {
		r = node_size(node, &room, err);
		ret->pending = r < 0 ? ret->pending : when_mounted(inside, room);
		return r;
	}
	r = sd_filesystem_check(node, id, NULL, type, err);
	if (r == 0)
		r = filesystem_size(mount->target, &ret->filesystem_before, err);
	if (r == 0)
		r = sd_filesystem_grow(mount->target, type, node, err);
	return r < 0 ? r : filesystem_size(mount->target, &ret->filesystem_after, err);
}

static int grow_content(const struct sd_volume *volume, const struct inside *inside,
        const struct sd_key *key, struct grown *ret, struct sd_error *err)
{
	const char *id = volume->mark.id;
	struct sd_mapping mapping;
	int r;

	if (!inside->luks)
		return grow_filesystem(inside, id, volume->node, volume->devno, ret, err);
	r = grow_mapping(volume, key, &mapping, err);
	if (r == -ENOKEY) {
		sd_error_clear(err);
		ret->pending = GROW_PENDING_KEY;
		return 0;
	}
	if (r == 0) /* closed: it will be opened as large as the partition is */
		ret->pending = when_mounted(
		        inside, inside->room + ret->partition_after - ret->partition_before);
	return r <= 0 ? r : grow_filesystem(inside, id, mapping.node, mapping.devno, ret, err);
}

/* Both locks, and everything that can be refused before the first write. */
static int begin(const struct survey *survey, const struct sd_key *key, struct claim *claim,
        struct inside *ret_inside, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r;

	r = check_state(survey, err);
	if (r == 0)
		r = claim_take(&survey->disk, "grow", claim, err);
	if (r < 0)
		return r;
	if (strcmp(claim->volume.mark.id, survey->mark.id) != 0 ||
	        claim->volume.mark.state != survey->mark.state)
		return sd_error_set(err, ESTALE, "it changed meanwhile; look at it and repeat");
	r = sd_volume_partition(&claim->volume, err);
	if (r == 0)
		r = inside_look(&claim->volume, key, ret_inside, err);
	if (r == 0)
		r = sd_crypt_find(survey->mark.id, claim->volume.devno, &mapping, err);
	return r < 0 ? r : 0;
}

int grow_volume(const struct survey *survey, const struct sd_key *key, struct grown *ret,
        struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	struct sd_volume *volume = &claim.volume;
	struct inside inside;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = begin(survey, key, &claim, &inside, err);
	if (r < 0)
		return r;
	ret->touched = true;
	ret->partition_before = volume->mark.size;
	r = sd_volume_grow(volume, err);
	if (r < 0)
		return r;
	ret->partition_after = volume->mark.size;
	if (ret->partition_after != ret->partition_before)
		sd_log(LOG_NOTICE, "%s (%s): volume %s grew from %" PRIu64 " to %" PRIu64 " bytes",
		        volume->disk.name, volume->disk.wwid, volume->mark.id,
		        ret->partition_before, ret->partition_after);
	return grow_content(volume, &inside, key, ret, err);
}
