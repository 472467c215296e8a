/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe.h"
#include "blockdev.h"
#include "cleanup.h"
#include "library.h"

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define LIBBLKID_FUNCTIONS(f) \
	f(blkid_do_safeprobe) \
	f(blkid_do_probe) \
	f(blkid_probe_lookup_value) \
	f(blkid_new_probe) \
	f(blkid_probe_set_device) \
	f(blkid_probe_enable_superblocks) \
	f(blkid_probe_set_superblocks_flags) \
	f(blkid_free_probe) \
	f(blkid_reset_probe) \
	f(blkid_probe_enable_partitions) \
	f(blkid_probe_set_partitions_flags)
/* clang-format on */

static struct {
	LIBBLKID_FUNCTIONS(SD_LIBRARY_MEMBER)
} libblkid;

static int load_libblkid(struct sd_error *err)
{
	static const char *const names[] = { LIBBLKID_FUNCTIONS(SD_LIBRARY_NAME) };

	return sd_library_load("libblkid.so.1", names, SD_ARRAY_SIZE(names), &libblkid, err);
}

int sd_probe_preload(struct sd_error *err)
{
	return load_libblkid(err);
}

static void free_probe(blkid_probe *pr)
{
	if (*pr)
		libblkid.blkid_free_probe(*pr);
}
#define _cleanup_probe_ _cleanup_(free_probe)

bool sd_content_is_member(const struct sd_content *content)
{
	/* What libblkid does not put under "raid", and is a part of something all the same. */
	static const char *const others[] = {
		"bcache",
		"zfs_member",
		"ceph_bluestore",
		"oracleasm",
	};

	for (size_t i = 0; i < SD_ARRAY_SIZE(others); i++)
		if (strcmp(content->type, others[i]) == 0)
			return true;
	return strcmp(content->usage, "raid") == 0;
}

/* What blkid_do_safeprobe() and blkid_do_probe() answer. */
enum {
	PROBE_FOUND = 0,
	PROBE_NOTHING = 1,
	PROBE_AMBIVALENT = -2,
};

static void probe_value(blkid_probe pr, const char *name, char *ret, size_t size)
{
	const char *value = NULL;

	ret[0] = '\0';
	if (libblkid.blkid_probe_lookup_value(pr, name, &value, NULL) == 0 && value)
		(void)snprintf(ret, size, "%s", value);
}

static void probe_values(blkid_probe pr, struct sd_content *ret)
{
	memset(ret, 0, sizeof(*ret));
	probe_value(pr, "TYPE", ret->type, sizeof(ret->type));
	if (ret->type[0]) {
		probe_value(pr, "UUID", ret->uuid, sizeof(ret->uuid));
		probe_value(pr, "LABEL", ret->label, sizeof(ret->label));
		probe_value(pr, "SUBSYSTEM", ret->subsystem, sizeof(ret->subsystem));
		probe_value(pr, "USAGE", ret->usage, sizeof(ret->usage));
		return;
	}
	probe_value(pr, "PTTYPE", ret->type, sizeof(ret->type));
	probe_value(pr, "PTUUID", ret->uuid, sizeof(ret->uuid));
	if (ret->type[0])
		(void)snprintf(ret->usage, sizeof(ret->usage), "table");
}

/*
 * A probe of the bytes that are on the disk now, not of those that were cached once. *own_fd is the
 * caller's: libblkid reads unaligned, so an O_DIRECT fd is opened once more.
 */
static blkid_probe probe_new(int fd, int superblock_flags, int *own_fd)
{
	blkid_probe pr;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || ((flags & O_DIRECT) && sd_blockdev_reopen(fd, O_RDONLY, own_fd, NULL) < 0))
		return NULL;
	if (flags & O_DIRECT)
		fd = *own_fd;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	pr = libblkid.blkid_new_probe();
	if (pr &&
	        (libblkid.blkid_probe_set_device(pr, fd, 0, 0) != 0 ||
	                libblkid.blkid_probe_enable_superblocks(pr, 1) != 0 ||
	                libblkid.blkid_probe_set_superblocks_flags(pr, superblock_flags) != 0)) {
		libblkid.blkid_free_probe(pr);
		return NULL;
	}
	return pr;
}

static int probe_failed(const char *path, struct sd_error *err)
{
	return sd_error_errno(err, errno ? sd_blockdev_errno(errno) : EIO,
	        "%s: what lies on it could not be read", path);
}

/*
 * Goes through everything that libblkid finds. Returns how many, or a negative errno; keeps the
 * weightiest: membership in an array or volume group counts more than what lies in it.
 */
static int probe_all(blkid_probe pr, struct sd_content *ret, char other[32])
{
	int rc, n = 0;

	memset(ret, 0, sizeof(*ret));
	other[0] = '\0';
	errno = 0;
	while ((rc = libblkid.blkid_do_probe(pr)) == PROBE_FOUND) {
		struct sd_content c;

		probe_values(pr, &c);
		if (n++ == 0) {
			*ret = c;
		} else if (sd_content_is_member(&c) && !sd_content_is_member(ret)) {
			memcpy(other, ret->type, 32);
			*ret = c;
		} else if (strcmp(c.type, ret->type) != 0) {
			memcpy(other, c.type, 32);
		}
		errno = 0;
	}
	return rc == PROBE_NOTHING ? n : -(errno ? sd_blockdev_errno(errno) : EIO);
}

static int probe_ambivalent(blkid_probe pr, const char *path, struct sd_error *err)
{
	struct sd_content first;
	char other[32];

	libblkid.blkid_reset_probe(pr);
	if (probe_all(pr, &first, other) < 0)
		return probe_failed(path, err);
	return sd_error_set(err, ENOTUNIQ,
	        "%s holds signatures of several formats (%s and %s), so what it is cannot be told; "
	        "look with \"wipefs %s\"",
	        path, first.type, other[0] ? other : "another", path);
}

int sd_probe_content(int fd, const char *path, struct sd_content *ret, struct sd_error *err)
{
	_cleanup_probe_ blkid_probe pr = NULL;
	_cleanup_close_ int own_fd = -1;
	struct sd_content content;
	int rc;

	rc = load_libblkid(err);
	if (rc < 0)
		return rc;
	errno = 0;
	pr = probe_new(fd,
	        BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_USAGE |
	                BLKID_SUBLKS_VERSION,
	        &own_fd);
	if (!pr)
		return probe_failed(path, err);
	errno = 0;
	rc = libblkid.blkid_do_safeprobe(pr);
	if (rc == PROBE_AMBIVALENT)
		return probe_ambivalent(pr, path, err);
	if (rc == PROBE_NOTHING)
		return sd_error_set(err, ENODATA, "%s holds nothing that is known", path);
	if (rc != PROBE_FOUND)
		return probe_failed(path, err);
	probe_values(pr, &content);
	*ret = content;
	return 0;
}

int sd_probe_node(const char *node, struct sd_content *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = open(node, O_RDONLY | O_CLOEXEC);

	/* A driver's ENODATA is a medium error, and must not look like "nothing there". */
	if (fd < 0)
		return sd_error_errno(err, errno == ENODATA ? EIO : errno, "cannot open %s", node);
	return sd_probe_content(fd, node, ret, err);
}

static void probe_describe(const struct sd_content *c, char *buf, size_t size)
{
	const char *noun = "data";

	if (sd_content_is_member(c))
		noun = "signature (a member of an array or volume group)";
	else if (!strcmp(c->usage, "filesystem"))
		noun = "filesystem";
	else if (!strcmp(c->usage, "table"))
		noun = "partition table";
	else if (!strcmp(c->usage, "crypto"))
		noun = "encrypted volume";
	(void)snprintf(buf, size, "%s %s %s%s%s%s", strchr("aeio", c->type[0]) ? "an" : "a",
	        c->type, noun, c->label[0] ? " (label \"" : "", c->label, c->label[0] ? "\")" : "");
}

int sd_probe_blank(int fd, const char *path, struct sd_content *ret, struct sd_error *err)
{
	_cleanup_probe_ blkid_probe pr = NULL;
	_cleanup_close_ int own_fd = -1;
	char text[256], other[32];
	struct sd_content content;
	int rc, n;

	rc = load_libblkid(err);
	if (rc < 0)
		return rc;
	errno = 0;
	pr = probe_new(fd,
	        BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_USAGE |
	                BLKID_SUBLKS_BADCSUM,
	        &own_fd);
	if (!pr || libblkid.blkid_probe_enable_partitions(pr, 1) != 0 ||
	        libblkid.blkid_probe_set_partitions_flags(pr, BLKID_PARTS_FORCE_GPT) != 0)
		return probe_failed(path, err);
	errno = 0;
	rc = libblkid.blkid_do_safeprobe(pr);
	if (rc != PROBE_FOUND && rc != PROBE_NOTHING && rc != PROBE_AMBIVALENT)
		return probe_failed(path, err);
	libblkid.blkid_reset_probe(pr);
	/* safeprobe stops where it finds contradictions: only the plain loop sees everything */
	n = probe_all(pr, &content, other);
	if (n < 0)
		return probe_failed(path, err);
	if (n == 0 && rc == PROBE_NOTHING)
		return 0;
	if (n == 0)
		return sd_error_set(
		        err, EIO, "%s: libblkid sees something there, but not what", path);
	*ret = content;
	probe_describe(&content, text, sizeof(text));
	return sd_error_set(err, EEXIST, "%s is not blank: it holds %s%s%s", path, text,
	        other[0] ? ", and also " : "", other);
}
