/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device_set.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int sd_device_set_read(const struct sd_disk *disk, struct sd_device_set *ret, struct sd_error *err)
{
	_cleanup_partitions_ struct sd_partitions parts = { NULL, 0 };
	struct sd_device_set set = { NULL, 0 };
	size_t i;
	int r;

	r = sd_disk_partitions(disk, &parts, err);
	if (r < 0)
		return r;
	set.device = calloc(parts.n + 1, sizeof(*set.device));
	if (!set.device)
		return sd_error_errno(err, ENOMEM, "%s", disk->node);
	(void)snprintf(set.device[0].name, sizeof(set.device[0].name), "%s", disk->name);
	set.device[0].devno = disk->devno;
	for (i = 0; i < parts.n; i++) {
		(void)snprintf(set.device[i + 1].name, sizeof(set.device[0].name), "%s",
		        parts.partition[i].name);
		set.device[i + 1].devno = parts.partition[i].devno;
	}
	set.n = parts.n + 1;
	*ret = set;
	return 0;
}

void sd_device_set_free(struct sd_device_set *set)
{
	free(set->device);
	set->device = NULL;
	set->n = 0;
}

const char *sd_device_set_by_devno(const struct sd_device_set *set, dev_t devno)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->device[i].devno == devno)
			return set->device[i].name;
	return NULL;
}

const char *sd_device_set_by_name(const struct sd_device_set *set, const char *path)
{
	size_t i;

	if (strncmp(path, "/dev/", 5) != 0)
		return NULL;
	for (i = 0; i < set->n; i++)
		if (!strcmp(path + 5, set->device[i].name))
			return set->device[i].name;
	return NULL;
}

const char *sd_device_set_by_path(const struct sd_device_set *set, const char *path)
{
	const char *name = sd_device_set_by_name(set, path);
	char below[PATH_MAX];
	struct stat st;

	/* a link; nowhere else, since a look at a dead network filesystem would not return */
	if (name || strncmp(path, "/dev/", 5) != 0 ||
	        sd_root_path(below, sizeof(below), "%s", path) < 0 || stat(below, &st) < 0 ||
	        !S_ISBLK(st.st_mode))
		return name;
	return sd_device_set_by_devno(set, st.st_rdev);
}
