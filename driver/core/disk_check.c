/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blockdev.h"
#include "cleanup.h"
#include "disk.h"
#include "disk_use.h"
#include "probe.h"
#include "remains.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define EDGE (1ull << 20) /* what is read as bytes at both ends: the first and the last MiB */

static const struct sd_disk *by_name(const struct sd_disks *disks, const char *name)
{
	for (size_t i = 0; i < disks->n; i++)
		if (strcmp(disks->disk[i].name, name) == 0)
			return &disks->disk[i];
	return NULL;
}

/*
 * The disk as sysfs has it now; fd must be it. What the caller knows may be minutes old. Of the others only those
 * with its WWID matter, and to read all of them for each one takes long where there are many.
 */
static int check_reread(
        const struct sd_disk *disk, int fd, struct sd_disk *ret, struct sd_error *err)
{
	_cleanup_disks_ struct sd_disks alike = { NULL, 0 }, all = { NULL, 0 };
	const struct sd_disk *now;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "could not tell what %s is", disk->node);
	r = sd_disks_read_wwid(disk->wwid, &alike, err);
	if (r < 0)
		return r;
	now = by_name(&alike, disk->name);
	if (!now) { /* gone, or another one */
		r = sd_disks_read(&all, err);
		if (r < 0)
			return r;
		now = by_name(&all, disk->name);
	}
	if (!now)
		return sd_error_set(err, ENODEV, "%s is not there any more", disk->node);
	if (now->devno != disk->devno || now->size != disk->size ||
	        strcmp(now->wwid, disk->wwid) != 0 ||
	        (S_ISBLK(st.st_mode) && st.st_rdev != now->devno))
		return sd_error_set(err, ESTALE,
		        "%s is another disk than it was a moment ago: look again", disk->node);
	*ret = *now;
	return 0;
}

static int check_kind(const struct sd_disk *disk, struct sd_error *err)
{
	const char *why = NULL;

	if (disk->hidden)
		why = "is hidden: one path of another disk";
	else if (disk->read_only)
		why = "is read-only";
	else if (disk->removable)
		why = "is removable";
	else if (disk->zoned)
		why = "is zoned: it cannot be overwritten in place";
	else if (disk->wwid_repeated)
		why = "has the same WWID as another disk of this node (two paths to one disk, or a "
		      "maker's fault), so it could not be told from it";
	else if (!disk->wwid[0] && strcmp(disk->transport, "loop") != 0)
		why = "has no WWID or serial number, so it could not be told from another disk";
	if (why)
		return sd_error_set(err, EPERM, "%s %s", disk->name, why);
	if (disk->size < SD_DISK_MIN_SIZE)
		return sd_error_set(err, EPERM, "%s is too small: %llu MiB, at least %llu",
		        disk->name, disk->size / EDGE, SD_DISK_MIN_SIZE / EDGE);
	return 0;
}

int sd_disk_check_idle(const struct sd_disk *disk, int fd, struct sd_error *err)
{
	struct sd_disk now;
	int r;

	r = check_reread(disk, fd, &now, err);
	if (r == 0)
		r = check_kind(&now, err);
	return r == 0 ? sd_disk_check_unused(&now, err) : r;
}

/* --force may override what merely lies on a disk, but not that it belongs to an array or a group. */
static int check_content(const struct sd_disk *disk, int fd, struct sd_error *err)
{
	struct sd_content content;
	int r = sd_probe_blank(fd, disk->name, &content, err);

	if (r == -EEXIST && sd_content_is_member(&content))
		return sd_error_set(err, EBUSY,
		        "%s is a member of an array or volume group (%s%s%s%s); take it out there first",
		        disk->name, content.type, content.label[0] ? " \"" : "", content.label,
		        content.label[0] ? "\"" : "");
	if (r < 0 && r != -EEXIST)
		(void)sd_error_wrap(err, "could not tell what is on %s", disk->name);
	return r;
}

static int check_partitions(const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_partitions_ struct sd_partitions parts = { NULL, 0 };
	int r = sd_disk_partitions(disk, &parts, err);

	if (r < 0 || parts.n == 0)
		return r;
	return sd_error_set(err, EEXIST, "%s is not blank: it has partitions (%s%s)", disk->name,
	        parts.partition[0].name, parts.n > 1 ? " and others" : "");
}

static int check_edges(const struct sd_disk *disk, int fd, struct sd_error *err)
{
	const uint64_t offsets[] = { 0, disk->size - EDGE };
	_cleanup_close_ int direct = -1;
	char id[SD_ID_SIZE];
	uint64_t at = 0;
	size_t i;
	int r;

	/* a table of ours that was never whole, or is no more: nothing was ever in it */
	r = sd_remains_find(fd, disk, id, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = sd_blockdev_reopen(fd, O_RDONLY | O_DIRECT, &direct, err);
	if (r < 0)
		return r;
	for (i = 0; i < SD_ARRAY_SIZE(offsets); i++) {
		r = sd_blockdev_is_zero(direct, offsets[i], EDGE, &at, err);
		if (r < 0) {
			(void)sd_error_wrap(err, "could not tell what is on %s", disk->name);
			return r;
		}
		if (r == 0)
			return sd_error_set(err, EEXIST,
			        "%s is not blank: byte %" PRIu64 " is not zero (whatever is there, "
			        "nothing that libblkid knows)",
			        disk->name, at);
	}
	return 0;
}

int sd_disk_check_free(const struct sd_disk *disk, int fd, struct sd_error *err)
{
	int r;

	/* what cannot be overridden comes first: an answer of "not blank" means that all else is well */
	r = sd_disk_check_idle(disk, fd, err);
	if (r == 0)
		r = check_content(disk, fd, err);
	if (r == 0)
		r = check_partitions(disk, err);
	return r == 0 ? check_edges(disk, fd, err) : r;
}
