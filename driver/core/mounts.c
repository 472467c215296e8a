/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts.h"
#include "cleanup.h"
#include "mounts_library.h"
#include "mounts_private.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The mounts, and the way through them. */
struct walk {
	struct libmnt_table *table;
	struct libmnt_iter *iter;
};

static void end_walk(struct walk *walk)
{
	if (walk->table)
		sd_libmount.mnt_unref_table(walk->table);
	if (walk->iter)
		sd_libmount.mnt_free_iter(walk->iter);
}
#define _cleanup_walk_ _cleanup_(end_walk)

void sd_mount_clear(struct sd_mount *mount)
{
	free(mount->target);
	free(mount->root);
	*mount = (struct sd_mount){ 0 };
}

void sd_mount_list_free(struct sd_mount_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		sd_mount_clear(&list->mount[i]);
	free(list->mount);
	*list = (struct sd_mount_list){ 0 };
}

int sd_mounts_load(struct sd_error *err)
{
	return sd_libmount_load(err);
}

/* A line that libmount cannot read might be the one that matters: no answer rather than a guess. */
static int refuse_line(struct libmnt_table *table, const char *filename, int line)
{
	(void)table;
	(void)filename;
	(void)line;
	return -EINVAL;
}

/* direction: MNT_ITER_FORWARD or MNT_ITER_BACKWARD. ret is the caller's to end, whatever is returned. */
static int read_mounts(int direction, struct walk *ret, struct sd_error *err)
{
	char path[PATH_MAX];
	int r;

	if (sd_root_path(path, sizeof(path), "/proc/self/mountinfo") < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of mountinfo is too long");
	r = sd_libmount_load(err);
	if (r < 0)
		return r;
	ret->table = sd_libmount.mnt_new_table();
	ret->iter = sd_libmount.mnt_new_iter(direction);
	if (!ret->table || !ret->iter)
		return sd_error_set(err, ENOMEM, "no memory for the table of mounts");
	(void)sd_libmount.mnt_table_set_parser_errcb(ret->table, refuse_line);
	r = sd_libmount.mnt_table_parse_file(ret->table, path);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot read the mounts from %s", path);
	if (r > 0 || sd_libmount.mnt_table_is_empty(ret->table))
		return sd_error_set(
		        err, EIO, "cannot read the mounts from %s: it makes no sense", path);
	return 0;
}

static bool next_mount(struct walk *walk, struct libmnt_fs **ret)
{
	return sd_libmount.mnt_table_next_fs(walk->table, walk->iter, ret) == 0;
}

static int fill(struct libmnt_fs *fs, struct sd_mount *ret, struct sd_error *err)
{
	const char *options = sd_libmount.mnt_fs_get_vfs_options(fs);
	unsigned long propagation = 0;
	struct sd_mount mount = {
		.devno = sd_libmount.mnt_fs_get_devno(fs),
		.id = sd_libmount.mnt_fs_get_id(fs),
		.read_only = options &&
		        sd_libmount.mnt_optstr_get_option(options, "ro", NULL, NULL) == 0,
		.unbindable = sd_libmount.mnt_fs_get_propagation(fs, &propagation) == 0 &&
		        (propagation & MS_UNBINDABLE),
	};

	mount.target = strdup(sd_libmount.mnt_fs_get_target(fs));
	mount.root = strdup(sd_libmount.mnt_fs_get_root(fs));
	if (!mount.target || !mount.root) {
		sd_mount_clear(&mount);
		return sd_error_set(err, ENOMEM, "no memory for a mount");
	}
	*ret = mount;
	return 0;
}

static int append(struct sd_mount_list *list, struct libmnt_fs *fs, struct sd_error *err)
{
	struct sd_mount *grown;
	int r;

	grown = reallocarray(list->mount, list->n + 1, sizeof(*grown));
	if (!grown)
		return sd_error_set(err, ENOMEM, "no memory for the list of mounts");
	list->mount = grown;
	r = fill(fs, &list->mount[list->n], err);
	if (r == 0)
		list->n++;
	return r;
}

int sd_mounts_of_device(dev_t devno, struct sd_mount_list *ret, struct sd_error *err)
{
	_cleanup_walk_ struct walk walk = { 0 };
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	struct libmnt_fs *fs;
	int r;

	r = read_mounts(MNT_ITER_FORWARD, &walk, err);
	if (r < 0)
		return r;
	while (next_mount(&walk, &fs)) {
		if (sd_libmount.mnt_fs_get_devno(fs) != devno)
			continue;
		r = append(&list, fs, err);
		if (r < 0)
			return r;
	}
	*ret = list;
	list = (struct sd_mount_list){ 0 };
	return 0;
}

int sd_mounts_canonical(const char *dir, char *buf, size_t size, struct sd_error *err)
{
	char parent[PATH_MAX], resolved[PATH_MAX];
	size_t len = strlen(dir), slash;
	const char *last;
	int n;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (dir[0] != '/' || len >= sizeof(parent))
		return sd_error_set(err, EINVAL, "\"%.200s\" is no absolute path", dir);
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)len, dir);
	slash = (size_t)(strrchr(parent, '/') - parent);
	last = dir + slash + 1;
	if (len == 1 || (len - slash - 1 == 1 && last[0] == '.') ||
	        (len - slash - 1 == 2 && last[0] == '.' && last[1] == '.'))
		return sd_error_set(err, EINVAL, "\"%.200s\" is no directory's name", dir);
	parent[slash ? slash : 1] = '\0';
	if (!realpath(parent, resolved)) /* not there (any more): as it is written */
		(void)snprintf(resolved, sizeof(resolved), "%s", parent);
	n = snprintf(
	        buf, size, "%s/%.*s", resolved[1] ? resolved : "", (int)(len - slash - 1), last);
	if (n < 0 || (size_t)n >= size)
		return sd_error_set(err, ENAMETOOLONG, "the path \"%.200s\" is too long", dir);
	return 0;
}

/*
 * The topmost of several mounts at one place comes last: the kernel lists mounts in the order in
 * which they were made.
 */
int sd_mounts_at(const char *dir, struct sd_mount *ret, struct sd_error *err)
{
	_cleanup_walk_ struct walk walk = { 0 };
	char path[PATH_MAX];
	struct libmnt_fs *fs;
	int r;

	r = sd_mounts_canonical(dir, path, sizeof(path), err);
	if (r < 0)
		return r;
	r = read_mounts(MNT_ITER_BACKWARD, &walk, err);
	if (r < 0)
		return r;
	while (next_mount(&walk, &fs)) {
		if (strcmp(sd_libmount.mnt_fs_get_target(fs), path) != 0)
			continue;
		r = fill(fs, ret, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

int sd_mounts_any_below(const char *dir, struct sd_error *err)
{
	_cleanup_walk_ struct walk walk = { 0 };
	size_t len = strlen(dir);
	struct libmnt_fs *fs;
	int r;

	r = read_mounts(MNT_ITER_FORWARD, &walk, err);
	if (r < 0)
		return r;
	while (next_mount(&walk, &fs)) {
		const char *target = sd_libmount.mnt_fs_get_target(fs);

		if (strncmp(target, dir, len) == 0 && target[len] == '/')
			return 1;
	}
	return 0;
}

/* A partition or disk that is pulled loses its directory; a mapping over it keeps a dangling link. */
bool sd_mounts_device_is_gone(dev_t devno)
{
	_cleanup_closedir_ DIR *slaves = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	struct stat st;

	if (major(devno) == 0) /* tmpfs, overlay, NFS: no disk that could be gone */
		return false;
	if (sd_root_path(path, sizeof(path), "/sys/dev/block/%u:%u", major(devno), minor(devno)) <
	        0)
		return false;
	if (stat(path, &st) < 0)
		return errno == ENOENT;
	if (sd_root_path(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major(devno),
	            minor(devno)) < 0)
		return false;
	slaves = opendir(path);
	while (slaves && (entry = readdir(slaves)))
		if (fstatat(dirfd(slaves), entry->d_name, &st, 0) < 0 && errno == ENOENT)
			return true;
	return false;
}

int sd_mounts_verify(const char *target, dev_t devno, bool read_only, struct sd_error *err)
{
	struct sd_mount mount;
	int r;

	r = sd_mounts_at(target, &mount, err);
	if (r < 0)
		return r;
	if (r == 0)
		return sd_error_set(err, ENOTCONN, "%s is no mount point", target);
	if (mount.devno != devno || strcmp(mount.root, "/data") != 0)
		r = sd_error_set(err, ESTALE, "%s carries %s of device %u:%u, not /data of %u:%u",
		        target, mount.root, major(mount.devno), minor(mount.devno), major(devno),
		        minor(devno));
	else if (mount.read_only != read_only)
		r = sd_error_set(err, EROFS, "%s is mounted %s, not %s as it was asked for", target,
		        mount.read_only ? "read-only" : "read-write",
		        read_only ? "read-only" : "read-write");
	else
		r = 0;
	sd_mount_clear(&mount);
	return r;
}
