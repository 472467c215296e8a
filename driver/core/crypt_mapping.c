/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "crypt_private.h"
#include "dm.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#define CLOSE_RETRY_MS 1000

static int parse_devno(const char *text, dev_t *ret)
{
	unsigned major_number, minor_number;

	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return -EINVAL;
	*ret = makedev(major_number, minor_number);
	return 0;
}

/* The kernel's name (dm-N) of the mapping. Returns 1, 0: there is none, or an error. */
static int find_by_name(const char *name, char *ret_kernel_name, size_t size, struct sd_error *err)
{
	_cleanup_closedir_ DIR *blocks = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], found[128];

	if (sd_root_path(path, sizeof(path), "/sys/block") < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of sysfs is too long");
	blocks = opendir(path);
	if (!blocks)
		return sd_error_errno(err, errno, "cannot read %s", path);
	for (;;) {
		errno = 0;
		entry = readdir(blocks);
		if (!entry)
			break;
		/* A mapping that vanishes meanwhile has no name: it was not this one, which is locked. */
		if (strncmp(entry->d_name, "dm-", 3) != 0 ||
		        sd_root_read(found, sizeof(found), "/sys/block/%s/dm/name", entry->d_name) <
		                0 ||
		        strcmp(found, name) != 0)
			continue;
		(void)snprintf(ret_kernel_name, size, "%s", entry->d_name);
		return 1;
	}
	return errno ? sd_error_errno(err, errno, "cannot read %s", path) : 0;
}

/* The device under it as sysfs' only "slaves" link tells. */
static int backing_from_sysfs(const char *kernel_name, dev_t *ret, struct sd_error *err)
{
	_cleanup_closedir_ DIR *slaves = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], text[32];
	int n = 0;

	if (sd_root_path(path, sizeof(path), "/sys/block/%s/slaves", kernel_name) < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of sysfs is too long");
	slaves = opendir(path);
	if (!slaves)
		return sd_error_errno(err, errno, "cannot read %s", path);
	while ((entry = readdir(slaves))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (sd_root_read(text, sizeof(text), "/sys/block/%s/slaves/%s/dev", kernel_name,
		            entry->d_name) < 0 ||
		        parse_devno(text, ret) < 0)
			return sd_error_set(err, EEXIST, "the device under /dev/%s, %s, is gone",
			        kernel_name, entry->d_name);
	}
	if (n != 1)
		return sd_error_set(err, EEXIST, "/dev/%s does not lie on one device", kernel_name);
	return 0;
}

/* "259:1 (nvme0n1p1)" */
static void describe(dev_t devno, char *buf, size_t size)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n = -1;

	if (sd_root_path(path, sizeof(path), "/sys/dev/block/%u:%u", major(devno), minor(devno)) ==
	        0)
		n = readlink(path, link, sizeof(link) - 1);
	link[n < 0 ? 0 : n] = '\0';
	(void)snprintf(buf, size, "%u:%u (%.60s)", major(devno), minor(devno),
	        n < 0                        ? "a disk that is gone"
	                : strrchr(link, '/') ? strrchr(link, '/') + 1
	                                     : link);
}

static int check_backing(
        const char *kernel_name, const char *name, dev_t devno, struct sd_error *err)
{
	char actual_text[96], wanted_text[96];
	dev_t actual = 0;
	int r;

	r = sd_dm_backing(name, &actual, err);
	if (r == 0)
		r = backing_from_sysfs(kernel_name, &actual, err);
	if (r < 0)
		return r;
	if (actual == devno)
		return 0;
	describe(actual, actual_text, sizeof(actual_text));
	describe(devno, wanted_text, sizeof(wanted_text));
	return sd_error_set(err, EEXIST,
	        "the mapping %s lies on %s, but the volume is on %s: close it (cryptsetup close %s) "
	        "when nothing uses it any more",
	        name, actual_text, wanted_text, name);
}

static int check_dm_uuid(
        const char *kernel_name, const char *id, const char *name, struct sd_error *err)
{
	char uuid[160], prefix[80], expected[160];
	int r;

	sd_crypt_dm_uuid(prefix, sizeof(prefix), "LUKS2", id);
	(void)snprintf(expected, sizeof(expected), "%s%s", prefix, name);
	r = sd_root_read(uuid, sizeof(uuid), "/sys/block/%s/dm/uuid", kernel_name);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot read the UUID of the mapping %s", name);
	if (strcmp(uuid, expected) != 0)
		return sd_error_set(err, EEXIST,
		        "there is a mapping %s that is not this volume's: its UUID is \"%s\", not \"%s\"",
		        name, uuid, expected);
	return 0;
}

int sd_crypt_find(const char *id, dev_t devno, struct sd_mapping *ret, struct sd_error *err)
{
	struct sd_mapping mapping = { 0 };
	char kernel_name[64], text[32];
	int r;

	if (!sd_id_is_valid(id))
		return sd_error_set(err, EINVAL, "\"%.50s\" is no volume ID", id);
	sd_id_mapping_name(id, mapping.name);
	r = find_by_name(mapping.name, kernel_name, sizeof(kernel_name), err);
	if (r <= 0)
		return r;
	r = sd_root_read(text, sizeof(text), "/sys/block/%s/dev", kernel_name);
	if (r < 0 || parse_devno(text, &mapping.devno) < 0)
		return sd_error_set(err, EIO, "cannot read the number of /dev/%s", kernel_name);
	/* The name alone is not enough even to close it: anybody can give that to a mapping. */
	r = check_dm_uuid(kernel_name, id, mapping.name, err);
	if (r == 0)
		r = sd_crypt_layers_check(id, mapping.name, devno, err);
	mapping.reencrypting = r > 0;
	if (r == 0 && devno)
		r = check_backing(kernel_name, mapping.name, devno, err);
	if (r < 0)
		return r;
	r = sd_root_path(mapping.node, sizeof(mapping.node), "/dev/%s", kernel_name);
	if (r < 0)
		return sd_error_errno(err, -r, "the path of /dev/%s", kernel_name);
	*ret = mapping;
	return 1;
}

int sd_crypt_close(const char *id, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r;

	r = sd_crypt_find(id, 0, &mapping, err);
	if (r > 0)
		r = sd_dm_remove(mapping.name, CLOSE_RETRY_MS, err);
	return r < 0 ? r : sd_crypt_layers_remove(id, err);
}
