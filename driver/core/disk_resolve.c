/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "disk.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Refuses a partition, naming its disk. entry is a directory of sysfs, below /sys. */
static int resolve_refuse_partition(const char *what, const char *entry, struct sd_error *err)
{
	_cleanup_free_ char *real = NULL;
	char path[PATH_MAX], text[16];
	char *slash;

	if (sd_root_read(text, sizeof(text), "/sys/%s/partition", entry) < 0)
		return 0;
	if (sd_root_path(path, sizeof(path), "/sys/%s/..", entry) == 0)
		real = realpath(path, NULL);
	slash = real ? strrchr(real, '/') : NULL;
	return sd_error_set(err, EINVAL,
	        "%s is a partition; solodisk takes whole disks, and this one's is %s", what,
	        slash ? slash + 1 : "not known");
}

static int resolve_path(const struct sd_disks *disks, const char *what, const struct sd_disk **ret,
        struct sd_error *err)
{
	char path[PATH_MAX], entry[64];
	struct stat st;
	size_t i;
	int r;

	/* only an absolute path lies below the prefix; any other is from where the person stands */
	if (what[0] == '/')
		r = sd_root_path(path, sizeof(path), "%s", what);
	else
		r = snprintf(path, sizeof(path), "%s", what) < (int)sizeof(path) ? 0
		                                                                 : -ENAMETOOLONG;
	if (r < 0)
		return sd_error_errno(err, -r, "no such disk as %.64s...", what);
	if (stat(path, &st) < 0)
		return sd_error_errno(
		        err, errno == ENOENT ? ENODEV : errno, "no such disk as %s", what);
	if (!S_ISBLK(st.st_mode))
		return sd_error_set(err, ENODEV, "%s is not a block device", what);
	(void)snprintf(
	        entry, sizeof(entry), "dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	r = resolve_refuse_partition(what, entry, err);
	if (r < 0)
		return r;
	for (i = 0; i < disks->n; i++)
		if (!disks->disk[i].hidden && disks->disk[i].devno == st.st_rdev)
			*ret = &disks->disk[i];
	if (!*ret)
		return sd_error_set(err, ENODEV,
		        "%s is a block device, but not a disk (NVMe, SCSI, virtio, Xen or MMC, or a "
		        "loop device with a file behind it)",
		        what);
	return 0;
}

static int resolve_wwid(const struct sd_disks *disks, const char *what, const struct sd_disk **ret,
        struct sd_error *err)
{
	size_t i;

	for (i = 0; i < disks->n; i++) {
		const struct sd_disk *disk = &disks->disk[i];

		if (disk->hidden || strcmp(disk->wwid, what) != 0)
			continue;
		if (*ret)
			return sd_error_set(err, ENOTUNIQ,
			        "%s and %s both have the WWID %s (two paths to one disk?); name the "
			        "one that is meant",
			        (*ret)->name, disk->name, what);
		*ret = disk;
	}
	if (!*ret)
		return sd_error_set(err, ENODEV,
		        "there is no disk %s, by name, path or WWID; \"solodisk list\" shows what "
		        "there is",
		        what);
	return 0;
}

int sd_disk_resolve(const char *what, struct sd_disk *ret, struct sd_error *err)
{
	_cleanup_disks_ struct sd_disks disks = { NULL, 0 };
	const struct sd_disk *found = NULL;
	char entry[64];
	size_t i;
	int r;

	if (!what || !what[0])
		return sd_error_set(err, EINVAL, "no disk is named");
	r = sd_disks_read(&disks, err);
	if (r < 0)
		return r;
	for (i = 0; i < disks.n && !found; i++)
		if (!disks.disk[i].hidden && !strcmp(disks.disk[i].name, what))
			found = &disks.disk[i];
	if (!found && strchr(what, '/')) {
		r = resolve_path(&disks, what, &found, err);
	} else if (!found) {
		r = snprintf(entry, sizeof(entry), "class/block/%s", what) < (int)sizeof(entry)
		        ? resolve_refuse_partition(what, entry, err)
		        : 0;
		if (r == 0)
			r = resolve_wwid(&disks, what, &found, err);
	}
	if (r < 0)
		return r;
	*ret = *found;
	return 0;
}
