/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_device.h"
#include "cleanup.h"
#include "id.h"
#include "probe.h"
#include "root.h"
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* As sysfs has it. */
struct names {
	char own[64];  /* the kernel's name: nvme0n1p1, dm-0 */
	char disk[64]; /* the whole device that it is a part of, or its own name */
};

/* Returns 1, 0: the number is no block device's (tmpfs, NFS), or a negative errno. */
static int find_names(dev_t devno, struct names *ret)
{
	char path[PATH_MAX], target[PATH_MAX], partition[16];
	const char *last, *above;
	ssize_t n;

	if (sd_root_path(path, sizeof(path), "/sys/dev/block/%u:%u", major(devno), minor(devno)) <
	        0)
		return -ENAMETOOLONG;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	(void)snprintf(ret->own, sizeof(ret->own), "%.63s", last);
	(void)snprintf(ret->disk, sizeof(ret->disk), "%.63s", last);
	if (last > target &&
	        sd_root_read(partition, sizeof(partition), "/sys/dev/block/%u:%u/partition",
	                major(devno), minor(devno)) == 0) {
		target[last - target - 1] = '\0';
		above = strrchr(target, '/');
		(void)snprintf(ret->disk, sizeof(ret->disk), "%.63s", above ? above + 1 : target);
	}
	return 1;
}

/* A mapping of solodisk's is told by its name. */
static int check_mapping(const struct names *names, struct sd_error *err)
{
	char name[128], id[SD_ID_SIZE];

	if (sd_root_read(name, sizeof(name), "/sys/block/%s/dm/name", names->own) == 0 &&
	        sd_id_from_mapping_name(name, id) == 0)
		return sd_error_set(err, EEXIST, "it is volume %s of solodisk's own", id);
	return 0;
}

static int check_mark(const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_mark mark;
	int r = sd_disk_open(disk, O_RDONLY | O_CLOEXEC, &fd, err);

	if (r < 0)
		return r;
	r = sd_volume_read_mark(fd, disk, &mark, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		return 0;
	}
	if (r == 0)
		return sd_error_set(
		        err, EEXIST, "%s carries volume %s of solodisk's own", disk->name, mark.id);
	return sd_error_wrap(err, "%s may be solodisk's own", disk->name);
}

int directory_device_check(
        dev_t devno, const struct node_config *config, bool blank, struct sd_error *err)
{
	const struct pool *pool;
	struct sd_disk disk;
	struct names names;
	char note[200];
	int r = find_names(devno, &names);

	if (r <= 0)
		return r < 0 ? sd_error_errno(err, -r, "cannot tell what device it is") : 0;
	r = check_mapping(&names, err);
	if (r < 0)
		return r;
	r = sd_disk_resolve(names.disk, &disk, err);
	if (r == -ENODEV) { /* a mapping, an array: none that solodisk would ever take */
		sd_error_clear(err);
		return 0;
	}
	if (r == 0)
		r = check_mark(&disk, err);
	if (r < 0 || !blank || strcmp(names.own, names.disk) != 0)
		return r;
	pool = pools_match(config->pools, config->n_pools, &disk, note, sizeof(note));
	if (pool)
		return sd_error_set(err, EEXIST, "%s belongs to pool \"%s\"; it cannot be both",
		        disk.name, pool->name);
	return 0;
}

bool directory_devices_overlap(dev_t a, dev_t b)
{
	struct names one, other;

	if (a == b)
		return true;
	if (find_names(a, &one) <= 0 || find_names(b, &other) <= 0)
		return false;
	return strcmp(one.own, other.disk) == 0 || strcmp(one.disk, other.own) == 0;
}

void directory_identity_of_filesystem(dev_t devno, char ret[DIRECTORY_IDENTITY_SIZE])
{
	_cleanup_close_ int fd = -1;
	struct sd_content content;
	char node[PATH_MAX];
	struct names names;
	struct stat st;

	ret[0] = '\0';
	if (find_names(devno, &names) <= 0)
		return;
	for (char *p = names.own; *p; p++)
		if (*p == '!')
			*p = '/'; /* cciss!c0d0 */
	if (sd_root_path(node, sizeof(node), "/dev/%s", names.own) < 0)
		return;
	fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != devno)
		return;
	if (sd_probe_content(fd, node, &content, NULL) == 0 && content.uuid[0])
		(void)snprintf(ret, DIRECTORY_IDENTITY_SIZE, "uuid:%s", content.uuid);
}

void directory_identity_of_device(dev_t devno, char ret[DIRECTORY_IDENTITY_SIZE])
{
	char uuid[160], start[32];
	struct sd_disk disk;
	struct names names;

	ret[0] = '\0';
	if (find_names(devno, &names) <= 0)
		return;
	if (sd_root_read(uuid, sizeof(uuid), "/sys/block/%s/dm/uuid", names.own) == 0) {
		(void)snprintf(ret, DIRECTORY_IDENTITY_SIZE, "dm:%s", uuid);
		return;
	}
	if (sd_disk_resolve(names.disk, &disk, NULL) < 0 || !disk.wwid[0] || disk.wwid_repeated)
		return;
	if (strcmp(names.own, names.disk) == 0)
		(void)snprintf(ret, DIRECTORY_IDENTITY_SIZE, "wwid:%s", disk.wwid);
	else if (sd_root_read(start, sizeof(start), "/sys/dev/block/%u:%u/start", major(devno),
	                 minor(devno)) == 0)
		(void)snprintf(ret, DIRECTORY_IDENTITY_SIZE, "wwid:%s:%s", disk.wwid, start);
}
