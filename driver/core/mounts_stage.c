/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "filesystem.h"
#include "lock.h"
#include "log.h"
#include "mounts_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PARENT_LOCK_MS 5000
#define PARENT_MODE 0750 /* as kubelet makes its directories */
#define STAGE_MODE 0700

static int make_parents(const char *dir, struct sd_error *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s", dir);
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, PARENT_MODE) < 0 && errno != EEXIST)
			return sd_error_errno(err, errno, "cannot make %s", path);
		*p = '/';
	}
	return 0;
}

/*
 * The parent becomes a mount of its own, bound on itself, and unbindable. Once a boot; two calls for
 * two volumes may come together, and a second bind would hide what was mounted on the first, hence
 * the flock on the directory (the bind shows the same inode). Stages that were made there without it
 * (the other install mode) would be hidden too: then it waits until they are gone.
 */
static int make_unbindable(const char *parent, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_mount at;
	int r;

	fd = open(parent, DIRECTORY);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", parent);
	r = sd_lock_disk(fd, LOCK_EX, parent, PARENT_LOCK_MS, err);
	if (r < 0)
		return r;
	r = sd_mounts_at(parent, &at, err);
	if (r < 0)
		return r;
	if (r > 0) {
		bool done = at.unbindable;

		sd_mount_clear(&at);
		if (done)
			return 0;
	} else {
		r = sd_mounts_any_below(parent, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (mount(parent, parent, NULL, MS_BIND, NULL) < 0)
			return sd_error_errno(
			        err, errno, "cannot make %s a mount of its own", parent);
	}
	if (mount(NULL, parent, NULL, MS_UNBINDABLE, NULL) < 0)
		return sd_error_errno(err, errno, "cannot make the mount %s unbindable", parent);
	return 0;
}

static int open_stage(const char *dir, int *ret_fd, struct sd_error *err)
{
	int fd;

	if (mkdir(dir, STAGE_MODE) < 0 && errno != EEXIST)
		return sd_error_errno(err, errno, "cannot make the stage %s", dir);
	fd = open(dir, DIRECTORY);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return sd_error_set(err, ENOTDIR, "the stage %s is a link or no directory", dir);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open the stage %s", dir);
	*ret_fd = fd;
	return 0;
}

/*
 * A disk was pulled and its mount stayed. Put back it has another number, so this mount only shadows
 * the place; it is taken away when it is the last one of its device.
 */
static int clear_dead(const char *dir, dev_t devno, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	struct sd_error ignored = SD_ERROR_INIT;
	int r;

	if (!sd_mounts_device_is_gone(devno))
		return sd_error_set(err, EBUSY, "%s already carries another device, %u:%u", dir,
		        major(devno), minor(devno));
	r = sd_mounts_of_device(devno, &list, err);
	if (r < 0)
		return r;
	if (list.n > 1)
		return sd_error_set(err, EBUSY,
		        "%s carries device %u:%u, which is gone, but a pod still uses it at %s; "
		        "delete that pod",
		        dir, major(devno), minor(devno), list.mount[list.n - 1].target);
	/* Without this the unmount of a filesystem that still wants to write may wait for ever. */
	if (sd_filesystem_shutdown(dir, NULL, &ignored) < 0)
		sd_log(LOG_WARNING, "%s", ignored.text);
	r = sd_mounts_unmount(dir, err);
	if (r < 0)
		return r;
	sd_log(LOG_NOTICE, "took away the mount of a disk that is gone from %s", dir);
	return 0;
}

/* Returns 1: staged already, 0: the place is free now. */
static int look_at_stage(const char *dir, dev_t devno, struct sd_error *err)
{
	/* Mounts may lie on each other; each turn takes one away. */
	for (;;) {
		struct sd_mount at;
		bool wanted;
		dev_t other;
		int r;

		r = sd_mounts_at(dir, &at, err);
		if (r <= 0)
			return r;
		wanted = at.devno == devno && strcmp(at.root, "/") == 0;
		other = at.devno;
		sd_mount_clear(&at);
		if (wanted)
			return 1;
		if (other == devno)
			return sd_error_set(err, EBUSY,
			        "%s carries a directory of the volume, not the volume", dir);
		r = clear_dead(dir, other, err);
		if (r < 0)
			return r;
	}
}

static int tell_mount_error(int code, const char *node, const char *type, struct sd_error *err)
{
	switch (code) {
	case EBUSY:
		return sd_error_set(
		        err, code, "cannot mount %s: somebody else has it open or mounted", node);
	case ENODEV:
		return sd_error_set(err, code,
		        "cannot mount %s: this kernel has no %s (modprobe %s)", node, type, type);
	case EINVAL:
	case EUCLEAN:
	case EBADMSG:
		return sd_error_errno(err, code,
		        "cannot mount %s: the %s on it is damaged or its mount options do not fit; the "
		        "kernel's log says which",
		        node, type);
	default:
		return sd_error_errno(
		        err, code, "cannot mount %s (%s); see the kernel's log", node, type);
	}
}

static int check_node(const char *node, dev_t devno, struct sd_error *err)
{
	struct stat st;

	if (stat(node, &st) < 0)
		return sd_error_errno(err, errno, "cannot look at %s", node);
	if (!S_ISBLK(st.st_mode) || st.st_rdev != devno)
		return sd_error_set(err, ESTALE, "%s is not device %u:%u (any more)", node,
		        major(devno), minor(devno));
	return 0;
}

/* The node's name could have gone to another device since check_node(): what is mounted decides. */
static int confirm(const char *dir, dev_t devno, struct sd_error *err)
{
	struct sd_mount at;
	dev_t mounted = 0;
	int r;

	r = sd_mounts_at(dir, &at, err);
	if (r > 0) {
		mounted = at.devno;
		sd_mount_clear(&at);
	}
	if (r > 0 && mounted == devno)
		return 0;
	(void)umount2(dir, UMOUNT_NOFOLLOW);
	if (r < 0)
		return r;
	return sd_error_set(err, ESTALE, "%u:%u was mounted at %s instead of %u:%u; taken back",
	        major(mounted), minor(mounted), dir, major(devno), minor(devno));
}

int sd_mounts_stage(const char *node, dev_t devno, const char *type, const char *options,
        const char *dir, bool parent_unbindable, bool *ret_was_staged, struct sd_error *err)
{
	char path[PATH_MAX], parent[PATH_MAX], place[64];
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -1;
	unsigned long flags;
	int r;

	r = sd_mounts_split_options(type, options, &flags, &data, err);
	if (r == 0)
		r = make_parents(dir, err);
	if (r == 0)
		r = sd_mounts_canonical(dir, path, sizeof(path), err);
	if (r < 0)
		return r;
	r = look_at_stage(path, devno, err);
	if (r > 0)
		*ret_was_staged = true;
	if (r != 0)
		return r > 0 ? 0 : r;
	r = check_node(node, devno, err);
	if (r < 0)
		return r;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	r = parent_unbindable ? make_unbindable(parent, err) : 0;
	if (r == 0)
		r = open_stage(path, &fd, err);
	if (r < 0)
		return r;
	(void)snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
	if (mount(node, place, type, flags, data) < 0)
		return tell_mount_error(errno, node, type, err);
	r = confirm(path, devno, err);
	if (r == 0)
		*ret_was_staged = false;
	return r;
}
