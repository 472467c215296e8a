/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk.h"
#include "cleanup.h"
#include "disk_identity.h"
#include "root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Names of the kinds of disks that may be ours: a stem, and what the rest is made of. */
static const struct disk_kind {
	const char *stem;
	const char *transport;
	enum { REST_LETTERS, REST_NUMBER, REST_NVME } rest;
} disk_kinds[] = {
	{ "nvme", "nvme", REST_NVME },
	{ "sd", "scsi", REST_LETTERS },
	{ "vd", "virtio", REST_LETTERS },
	{ "xvd", "other", REST_LETTERS },
	{ "mmcblk", "other", REST_NUMBER },
	{ "loop", "loop", REST_NUMBER },
};

static const struct disk_kind *disk_kind_of(const char *name)
{
	size_t i;

	for (i = 0; i < SD_ARRAY_SIZE(disk_kinds); i++) {
		const struct disk_kind *kind = &disk_kinds[i];
		const char *rest = name + strlen(kind->stem);
		size_t len;

		if (strncmp(name, kind->stem, strlen(kind->stem)) != 0)
			continue;
		switch (kind->rest) {
		case REST_LETTERS:
			len = strspn(rest, "abcdefghijklmnopqrstuvwxyz");
			break;
		case REST_NUMBER: /* mmcblk0boot0 and mmcblk0rpmb are no disks */
			len = strspn(rest, "0123456789");
			break;
		default: /* also nvme0c1n1, a hidden path of a multipath namespace */
			len = strspn(rest, "0123456789cn");
		}
		if (len && !rest[len])
			return kind;
	}
	return NULL;
}

/* A number out of a sysfs attribute; 0 where there is none. */
static uint64_t disk_number(const char *name, const char *attribute)
{
	char text[32];

	if (sd_root_read(text, sizeof(text), "/sys/block/%s/%s", name, attribute) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static int disk_devno(const char *text, dev_t *ret)
{
	unsigned major_number, minor_number;

	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return -EINVAL;
	*ret = makedev(major_number, minor_number);
	return 0;
}

/* Returns 1: filled; 0: no disk of ours (or gone meanwhile), or not one with this WWID (NULL: any). */
static int disk_read_one(const char *name, const char *wwid, struct sd_disk *ret)
{
	const struct disk_kind *kind = disk_kind_of(name);
	char text[PATH_MAX];

	if (!kind || strlen(name) >= sizeof(ret->name))
		return 0;
	if (!strcmp(kind->transport, "loop") &&
	        sd_root_read(text, sizeof(text), "/sys/block/%s/loop/backing_file", name) < 0)
		return 0;
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)snprintf(ret->transport, sizeof(ret->transport), "%s", kind->transport);
	if (wwid) { /* first, since most disks are another */
		sd_disk_read_wwid(ret);
		if (strcmp(ret->wwid, wwid) != 0)
			return 0;
	}
	if (sd_root_path(ret->node, sizeof(ret->node), "/dev/%s", name) < 0)
		return 0;
	if (sd_root_read(text, sizeof(text), "/sys/block/%s/size", name) < 0)
		return 0;
	ret->size = strtoull(text, NULL, 10) * 512; /* sysfs counts in 512 whatever the disk does */
	ret->hidden = disk_number(name, "hidden") != 0;
	if (sd_root_read(text, sizeof(text), "/sys/block/%s/dev", name) == 0) {
		if (disk_devno(text, &ret->devno) < 0)
			return 0;
	} else if (!ret->hidden) {
		return 0;
	}
	ret->sector_size = (unsigned)disk_number(name, "queue/logical_block_size");
	if (!ret->sector_size)
		ret->sector_size = 512;
	ret->rotational = disk_number(name, "queue/rotational") != 0;
	ret->removable = disk_number(name, "removable") != 0;
	ret->read_only = disk_number(name, "ro") != 0;
	ret->zoned = sd_root_read(text, sizeof(text), "/sys/block/%s/queue/zoned", name) == 0 &&
	        strcmp(text, "none") != 0;
	sd_disk_read_identity(ret);
	return 1;
}

/* nvme2n1 before nvme10n1, sdz before sdaa. */
static int disk_compare(const void *a, const void *b)
{
	const char *x = ((const struct sd_disk *)a)->name, *y = ((const struct sd_disk *)b)->name;
	size_t nx = strlen(x), ny = strlen(y);

	if (nx != ny && !strpbrk(x, "0123456789") && !strpbrk(y, "0123456789") && !strncmp(x, y, 2))
		return nx < ny ? -1 : 1;
	return strverscmp(x, y);
}

static void disks_mark_repeated(struct sd_disks *disks)
{
	size_t i, k;

	for (i = 0; i < disks->n; i++) {
		struct sd_disk *a = &disks->disk[i];

		/* a hidden path has the identity of the namespace that it leads to, and no node */
		if (!a->wwid[0] || a->hidden)
			continue;
		for (k = i + 1; k < disks->n; k++) {
			struct sd_disk *b = &disks->disk[k];

			if (!b->hidden && !strcmp(a->wwid, b->wwid))
				a->wwid_repeated = b->wwid_repeated = true;
		}
	}
}

static int disks_read(const char *wwid, struct sd_disks *ret, struct sd_error *err)
{
	_cleanup_disks_ struct sd_disks disks = { NULL, 0 };
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	char path[PATH_MAX];
	size_t room = 0;

	if (sd_root_path(path, sizeof(path), "/sys/block") < 0 || !(dir = opendir(path)))
		return sd_error_errno(err, errno, "cannot read the list of disks in %s", path);
	while (errno = 0, (entry = readdir(dir))) {
		if (disks.n == room) {
			size_t more = room ? room * 2 : 16;
			void *p = reallocarray(disks.disk, more, sizeof(*disks.disk));

			if (!p)
				return sd_error_errno(err, ENOMEM, "cannot list the disks");
			disks.disk = p;
			room = more;
		}
		disks.n += (size_t)disk_read_one(entry->d_name, wwid, &disks.disk[disks.n]);
	}
	if (errno)
		return sd_error_errno(err, errno, "cannot read the list of disks in %s", path);
	if (disks.n)
		qsort(disks.disk, disks.n, sizeof(*disks.disk), disk_compare);
	disks_mark_repeated(&disks);
	ret->n = disks.n;
	ret->disk = sd_steal(disks.disk);
	return 0;
}

int sd_disks_read(struct sd_disks *ret, struct sd_error *err)
{
	return disks_read(NULL, ret, err);
}

int sd_disks_read_wwid(const char *wwid, struct sd_disks *ret, struct sd_error *err)
{
	return disks_read(wwid, ret, err);
}

void sd_disks_free(struct sd_disks *disks)
{
	free(disks->disk);
	disks->disk = NULL;
	disks->n = 0;
}

static int partition_read_one(const char *disk, const char *name, struct sd_partition *ret)
{
	char text[64];

	if (strlen(name) >= sizeof(ret->name) ||
	        sd_root_read(text, sizeof(text), "/sys/block/%s/%s/partition", disk, name) < 0)
		return 0;
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->number = (unsigned)strtoul(text, NULL, 10);
	if (sd_root_path(ret->node, sizeof(ret->node), "/dev/%s", name) < 0 ||
	        sd_root_read(text, sizeof(text), "/sys/block/%s/%s/dev", disk, name) < 0 ||
	        disk_devno(text, &ret->devno) < 0 ||
	        sd_root_read(text, sizeof(text), "/sys/block/%s/%s/start", disk, name) < 0)
		return 0;
	ret->start = strtoull(text, NULL, 10) * 512;
	if (sd_root_read(text, sizeof(text), "/sys/block/%s/%s/size", disk, name) < 0)
		return 0;
	ret->size = strtoull(text, NULL, 10) * 512;
	return 1;
}

int sd_disk_partitions(const struct sd_disk *disk, struct sd_partitions *ret, struct sd_error *err)
{
	_cleanup_partitions_ struct sd_partitions parts = { NULL, 0 };
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/sys/block/%s", disk->name) < 0 ||
	        !(dir = opendir(path)))
		return sd_error_errno(err, errno == ENOENT ? ENODEV : errno,
		        "cannot read the partitions of %s in %s", disk->name, path);
	while (errno = 0, (entry = readdir(dir))) {
		struct sd_partition p;
		void *more;

		if (strncmp(entry->d_name, disk->name, strlen(disk->name)) != 0 ||
		        !partition_read_one(disk->name, entry->d_name, &p))
			continue;
		more = reallocarray(parts.partition, parts.n + 1, sizeof(p));
		if (!more)
			return sd_error_errno(err, ENOMEM, "cannot list the partitions");
		parts.partition = more;
		parts.partition[parts.n++] = p;
	}
	if (errno)
		return sd_error_errno(err, errno, "cannot read the partitions in %s", path);
	ret->n = parts.n;
	ret->partition = sd_steal(parts.partition);
	return 0;
}

void sd_partitions_free(struct sd_partitions *partitions)
{
	free(partitions->partition);
	partitions->partition = NULL;
	partitions->n = 0;
}

int sd_disk_open(const struct sd_disk *disk, int flags, int *ret_fd, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	uint64_t size;

	fd = open(disk->node, flags | O_CLOEXEC | O_NOCTTY);
	/* never -ENOENT, which says "a disk, but not ours" to those who look for volumes */
	if (fd < 0)
		return sd_error_errno(
		        err, errno == ENOENT ? ENODEV : errno, "cannot open %s", disk->node);
	if (fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot look at %s", disk->node);
	size = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode)) {
		if (st.st_rdev != disk->devno)
			return sd_error_set(err, ENODEV,
			        "%s is device %u:%u, but the kernel's %s is %u:%u; is /dev the host's?",
			        disk->node, major(st.st_rdev), minor(st.st_rdev), disk->name,
			        major(disk->devno), minor(disk->devno));
		if (ioctl(fd, BLKGETSIZE64, &size) < 0)
			return sd_error_errno(err, errno, "cannot get the size of %s", disk->node);
	} else if (!S_ISREG(st.st_mode) || !sd_root()[0]) {
		return sd_error_set(
		        err, ENODEV, "%s is not a block device; is /dev the host's?", disk->node);
	}
	if (size != disk->size)
		return sd_error_set(err, ENODEV,
		        "%s changed while it was looked at (%" PRIu64 " bytes, now %" PRIu64
		        "); try again",
		        disk->node, disk->size, size);
	*ret_fd = sd_steal_fd(fd);
	return 0;
}
