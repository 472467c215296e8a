/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings whose disk is gone. */
#include "cleanup.h"
#include "crypt.h"
#include "dm.h"
#include "log.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CLOSE_RETRY_MS 1000

/*
 * Gone is what sysfs does not show under the number that device-mapper holds. As long as it holds that
 * number the kernel gives it to no other device.
 */
static int is_dead(const struct sd_mapping *mapping, struct sd_error *err)
{
	char path[PATH_MAX];
	struct stat st;
	dev_t backing;
	int r;

	r = sd_dm_backing(mapping->name, &backing, err);
	if (r <= 0)
		return r;
	if (sd_root_path(
	            path, sizeof(path), "/sys/dev/block/%u:%u", major(backing), minor(backing)) < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of sysfs is too long");
	if (stat(path, &st) == 0)
		return 0;
	return errno == ENOENT ? 1 : sd_error_errno(err, errno, "cannot look at %s", path);
}

int sd_crypt_find_dead(const char *id, struct sd_mapping *ret, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r;

	r = sd_crypt_find(id, 0, &mapping, err);
	if (r > 0)
		r = is_dead(&mapping, err);
	if (r > 0)
		*ret = mapping;
	return r;
}

int sd_crypt_close_dead(const char *id, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r;

	r = sd_crypt_find_dead(id, &mapping, err);
	if (r <= 0)
		return r;
	r = sd_dm_remove(mapping.name, CLOSE_RETRY_MS, err);
	if (r == -EBUSY)
		return sd_error_set(err, EBUSY,
		        "the mapping %s was left by a disk that is gone, and something still uses it "
		        "(lsblk %s); it can be closed when that ends",
		        mapping.name, mapping.node);
	if (r < 0)
		return r;
	sd_log(LOG_NOTICE, "closed the mapping %s, which was left by a disk that is gone",
	        mapping.name);
	return 1;
}

int sd_crypt_each_dead(int (*f)(const char *id, const struct sd_mapping *mapping, void *data,
                               struct sd_error *err),
        void *data, struct sd_error *err)
{
	_cleanup_closedir_ DIR *blocks = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], name[128], id[SD_ID_SIZE];
	struct sd_mapping mapping;
	int r = 0;

	if (sd_root_path(path, sizeof(path), "/sys/block") < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of sysfs is too long");
	blocks = opendir(path);
	if (!blocks)
		return sd_error_errno(err, errno, "cannot read %s", path);
	while (r == 0 && (entry = readdir(blocks))) {
		if (strncmp(entry->d_name, "dm-", 3) != 0 ||
		        sd_root_read(name, sizeof(name), "/sys/block/%s/dm/name", entry->d_name) <
		                0 ||
		        sd_id_from_mapping_name(name, id) < 0)
			continue;
		r = sd_crypt_find_dead(id, &mapping, err);
		if (r == -EEXIST) { /* somebody else's, by its UUID: a disk's own look tells that */
			sd_error_clear(err);
			r = 0;
		}
		if (r > 0)
			r = f(id, &mapping, data, err);
	}
	return r;
}
