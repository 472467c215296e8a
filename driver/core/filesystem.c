/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "filesystem.h"
#include "cleanup.h"
#include "device.h"
#include "root.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/*
 * xfsprogs 5.19 and later refuse less than 300 MiB (mkfs.xfs(8), "unsupported"), older ones make what
 * later ones cannot; so the same bound always. ext4 gets along with less than any disk of ours has.
 */
static const struct {
	const char *type;
	uint64_t min_size;
} types[] = {
	{ "xfs", 300ull << 20 },
	{ "ext4", 16ull << 20 },
};

bool sd_filesystem_is_known(const char *type)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(types); i++)
		if (type && strcmp(type, types[i].type) == 0)
			return true;
	return false;
}

static int check_size(const char *device, const char *type, struct sd_error *err)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t size;
	int r;

	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", device);
	r = sd_device_size(fd, device, &size, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SD_ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i].type) != 0)
			continue;
		if (size >= types[i].min_size)
			return 0;
		return sd_error_set(err, ENOSPC,
		        "%s has %" PRIu64 " MiB, but %s needs %" PRIu64
		        " MiB: take a larger disk or another filesystem",
		        device, size >> 20, type, types[i].min_size >> 20);
	}
	return sd_error_set(err, EINVAL, "the filesystem \"%.20s\" is neither xfs nor ext4", type);
}

/* "sd-1a2b3c4d": fits XFS' 12 and ext4's 16 characters, for a person who looks at lsblk. */
static void make_label(const char *id, char ret[16])
{
	(void)snprintf(ret, 16, "sd-%.8s", id);
}

/* xfs_proto(5) format: a dummy name, two dummy numbers, the root directory, what lies in it. */
static int make_xfs(const char *device, const char *id, int keep_fd, struct sd_error *err)
{
	static const char proto[] = "none\n0 0\nd--700 0 0\ndata d--755 0 0\n$\n$\n";
	_cleanup_close_ int fd = -1;
	char uuid[64], label[16];
	const char *argv[] = { "mkfs.xfs", "-q", "-m", uuid, "-L", label, "-p", "/proc/self/fd/0",
		device, NULL };
	struct sd_spawn spawn = { .argv = argv };

	fd = memfd_create("proto", MFD_CLOEXEC);
	if (fd < 0 || write(fd, proto, sizeof(proto) - 1) != (ssize_t)sizeof(proto) - 1)
		return sd_error_errno(err, errno, "cannot write mkfs.xfs' prototype file");
	(void)snprintf(uuid, sizeof(uuid), "uuid=%s", id);
	make_label(id, label);
	spawn.stdin_fd = fd;
	spawn.keep_fds = &keep_fd;
	spawn.n_keep_fds = keep_fd >= 0;
	return sd_spawn(&spawn, err);
}

/*
 * The directory is copied with its owner and mode. No reserved blocks: the tenant has the whole disk
 * and is often not root. lazy_itable_init leaves zeroing the inode tables to the kernel after the
 * first mount; until then a checksum of the group says that they are unused, so nothing is half done.
 */
static int run_mke2fs(
        const char *device, const char *id, const char *dir, int keep_fd, struct sd_error *err)
{
	char label[16];
	const char *argv[] = { "mke2fs", "-q", "-t", "ext4", "-U", id, "-L", label, "-m", "0", "-e",
		"remount-ro", "-E", "lazy_itable_init=1", "-d", dir, device, NULL };
	struct sd_spawn spawn = { .argv = argv, .keep_fds = &keep_fd, .n_keep_fds = keep_fd >= 0 };

	make_label(id, label);
	return sd_spawn(&spawn, err);
}

static int make_ext4(const char *device, const char *id, int keep_fd, struct sd_error *err)
{
	char dir[PATH_MAX], data[PATH_MAX];
	int r;

	if (sd_root_path(dir, sizeof(dir), "/run/solodisk") < 0 ||
	        (mkdir(dir, 0700) < 0 && errno != EEXIST) ||
	        sd_root_path(dir, sizeof(dir), "/run/solodisk/mkfs.XXXXXX") < 0 || !mkdtemp(dir))
		return sd_error_errno(
		        err, errno, "cannot make a directory below %s/run/solodisk", sd_root());
	(void)snprintf(data, sizeof(data), "%s/data", dir);
	/* chmod, since the caller's umask may be strict and the copy is exact. */
	if (mkdir(data, 0755) < 0 || chmod(data, 0755) < 0)
		r = sd_error_errno(err, errno, "cannot make %s", data);
	else
		r = run_mke2fs(device, id, dir, keep_fd, err);
	(void)rmdir(data);
	(void)rmdir(dir);
	return r;
}

int sd_filesystem_make(
        const char *device, const char *type, const char *id, int keep_fd, struct sd_error *err)
{
	int r;

	if (!sd_id_is_valid(id))
		return sd_error_set(err, EINVAL, "\"%.50s\" is no volume ID", id);
	r = check_size(device, type, err);
	if (r < 0)
		return r;
	r = sd_device_wipe_edges(device, err);
	if (r < 0)
		return r;
	return strcmp(type, "xfs") == 0 ? make_xfs(device, id, keep_fd, err)
	                                : make_ext4(device, id, keep_fd, err);
}

int sd_filesystem_check(const char *device, const char *id, const char *expected, char *ret_type,
        struct sd_error *err)
{
	struct sd_content content;
	int r;

	r = sd_probe_node(device, &content, err);
	return r < 0 ? r
	             : sd_filesystem_check_content(&content, device, id, expected, ret_type, err);
}

int sd_filesystem_check_content(const struct sd_content *content, const char *device,
        const char *id, const char *expected, char *ret_type, struct sd_error *err)
{
	if (!sd_filesystem_is_known(content->type))
		return sd_error_set(err, EMEDIUMTYPE, "%s holds %s, not a filesystem of solodisk's",
		        device, content->type);
	if (expected && expected[0] && strcmp(expected, content->type) != 0)
		return sd_error_set(err, EMEDIUMTYPE, "%s holds %s, not %.20s as it was asked for",
		        device, content->type, expected);
	if (strcmp(content->uuid, id) != 0)
		return sd_error_set(err, ESTALE,
		        "the %s on %s has the UUID %s, but the volume is %s: the partition table was "
		        "copied over other content",
		        content->type, device, content->uuid, id);
	(void)snprintf(ret_type, 16, "%s", content->type);
	return 0;
}
