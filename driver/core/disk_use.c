/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk_use.h"
#include "cleanup.h"
#include "device_set.h"
#include "disk_process.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* What a holder is, in an administrator's words. */
static void use_describe_holder(const char *holder, char *ret, size_t size)
{
	char name[128], uuid[128];
	const char *what = "is used by the device-mapper device";

	if (!strncmp(holder, "md", 2)) {
		(void)snprintf(ret, size, "is a member of the RAID array %s", holder);
		return;
	}
	if (sd_root_read(name, sizeof(name), "/sys/class/block/%s/dm/name", holder) < 0) {
		(void)snprintf(ret, size, "is held by %s", holder);
		return;
	}
	(void)sd_root_read(uuid, sizeof(uuid), "/sys/class/block/%s/dm/uuid", holder);
	if (!strncmp(uuid, "CRYPT-", 6))
		what = "is open as the encrypted device";
	else if (!strncmp(uuid, "LVM-", 4))
		what = "is part of the LVM volume";
	else if (!strncmp(uuid, "mpath-", 6))
		what = "is one path of the multipath device";
	(void)snprintf(ret, size, "%s %s (%s)", what, name, holder);
}

static int use_check_holders(const struct sd_device_set *set, struct sd_error *err)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		_cleanup_closedir_ DIR *dir = NULL;
		char path[PATH_MAX], text[300];
		struct dirent *entry;

		(void)sd_root_path(
		        path, sizeof(path), "/sys/class/block/%s/holders", set->device[i].name);
		dir = opendir(path);
		if (!dir)
			return sd_error_errno(err, errno, "could not tell who holds %s (%s)",
			        set->device[i].name, path);
		while (errno = 0, (entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			use_describe_holder(entry->d_name, text, sizeof(text));
			return sd_error_set(err, EBUSY, "%s %s", set->device[i].name, text);
		}
		if (errno)
			return sd_error_errno(
			        err, errno, "could not tell who holds %s", set->device[i].name);
	}
	return 0;
}

/* /proc/swaps: a line of headings, then the path (spaces as \040) and more. */
static int use_check_swap(const struct sd_device_set *set, struct sd_error *err)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX], line[PATH_MAX + 128];

	(void)sd_root_path(path, sizeof(path), "/proc/swaps");
	f = fopen(path, "re");
	if (!f && errno == ENOENT) /* a kernel without swap */
		return 0;
	if (!f)
		return sd_error_errno(err, errno, "could not tell what is swap (%s)", path);
	while (fgets(line, sizeof(line), f)) {
		const char *name;

		line[strcspn(line, " \t\n")] = '\0';
		name = sd_device_set_by_path(set, line);
		if (name)
			return sd_error_set(err, EBUSY,
			        "%s is swap in use (\"swapoff %s\" ends that)", name, line);
	}
	if (ferror(f))
		return sd_error_set(err, EIO, "could not tell what is swap (%s)", path);
	return 0;
}

/* A loop device keeps its backing device open inside of the kernel, where no descriptor shows it. */
static int use_check_loops(const struct sd_device_set *set, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX], backing[PATH_MAX];
	struct dirent *entry;
	const char *name;

	if (sd_root_path(path, sizeof(path), "/sys/block") < 0 || !(dir = opendir(path)))
		return sd_error_errno(
		        err, errno, "could not tell what loop devices use (%s)", path);
	while (errno = 0, (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "loop", 4) != 0 ||
		        sd_root_read(backing, sizeof(backing), "/sys/block/%s/loop/backing_file",
		                entry->d_name) < 0)
			continue;
		name = sd_device_set_by_path(set, backing);
		if (name)
			return sd_error_set(err, EBUSY, "%s is what the loop device %s lies on",
			        name, entry->d_name);
	}
	return errno ? sd_error_errno(err, errno, "could not tell what loop devices use") : 0;
}

/*
 * The kernel's own answer, for what cannot be seen from outside: a mount in a namespace without
 * processes, the second disk of a btrfs, ZFS, an iSCSI target. The claim on a partition counts for
 * the whole disk too.
 */
static int use_check_exclusive(const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	int r = sd_disk_open(disk, O_RDONLY | O_EXCL, &fd, err);

	if (r == -EBUSY)
		return sd_error_set(err, EBUSY,
		        "%s is in use by the kernel (a filesystem, swap, LVM, RAID or the like that "
		        "cannot be seen from here)",
		        disk->name);
	return r;
}

int sd_disk_check_unused(const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_device_set_ struct sd_device_set set = { NULL, 0 };
	int r;

	r = sd_device_set_read(disk, &set, err);
	if (r == 0)
		r = use_check_holders(&set, err);
	if (r == 0)
		r = use_check_swap(&set, err);
	if (r == 0)
		r = sd_process_check_mounts(&set, err);
	if (r == 0)
		r = use_check_loops(&set, err);
	if (r == 0)
		r = sd_process_check_writers(&set, err);
	return r == 0 ? use_check_exclusive(disk, err) : r;
}
