/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define LABEL "security.selinux"
#define DEEPEST 8 /* no tree of ours is deeper */

static int open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS) /* before Linux 5.6: links are followed as they are */
		fd = openat(root, path + strspn(path, "/"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/* Opens it, or makes it in its parent, which is opened or made in the same way. */
static int open_or_make(int root, const char *path)
{
	char parent[PATH_MAX], name[NAME_MAX + 1];
	_cleanup_close_ int fd = -1;
	char *slash;
	int r = open_below(root, path);

	if (r != -ENOENT)
		return r;
	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || !slash[1] || strlen(slash) > sizeof(name))
		return -ENOENT;
	(void)snprintf(name, sizeof(name), "%s", slash + 1);
	slash[slash == parent] = '\0';
	fd = open_or_make(root, parent);
	if (fd < 0)
		return fd;
	if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return open_below(root, path);
}

int tree_open(const char *path, bool create, struct sd_error *err)
{
	_cleanup_close_ int root = -1;
	char plain[PATH_MAX];
	size_t n = strlen(path);
	int r;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (path[0] != '/' || n >= sizeof(plain))
		return sd_error_set(err, EINVAL, "\"%.200s\" is no absolute path", path);
	memcpy(plain, path, n);
	plain[n] = '\0';
	root = open(sd_root()[0] ? sd_root() : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return sd_error_errno(err, errno, "cannot open %s", sd_root());
	r = create ? open_or_make(root, plain) : open_below(root, plain);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot %s %s%s",
		        create && r != -ENOTDIR ? "make" : "open", sd_root(), plain);
	return r;
}

void tree_label_of(int fd, struct label *ret)
{
	ssize_t n = fgetxattr(fd, LABEL, ret->text, sizeof(ret->text));

	ret->size = n > 0 ? (size_t)n : 0;
}

int tree_label(int dir_fd, const char *name, const struct label *label, struct sd_error *err)
{
	char path[PATH_MAX];

	if (label->size == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (lsetxattr(path, LABEL, label->text, label->size, 0) == 0 || errno == EOPNOTSUPP)
		return 0;
	return sd_error_errno(
	        err, errno, "cannot give %s the SELinux label of its directory", name);
}

static int copy_file(
        int from, int to, const char *name, const struct stat *st, struct sd_error *err)
{
	_cleanup_close_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t left = st->st_size;

	if (in < 0 || out < 0)
		return sd_error_errno(err, errno, "cannot copy %s", name);
	while (left > 0) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);

		if (n <= 0)
			return sd_error_errno(err, n < 0 ? errno : EIO, "cannot copy %s", name);
		left -= n;
	}
	if (fchmod(out, st->st_mode & 0755) < 0 || fsync(out) < 0)
		return sd_error_errno(err, errno, "cannot finish the copy of %s", name);
	return 0;
}

static int copy_level(int from, int to, const struct label *label, int depth, struct sd_error *err);

static int copy_entry(int from, int to, const char *name, const struct label *label, int depth,
        struct sd_error *err)
{
	_cleanup_close_ int below = -1, made = -1;
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sd_error_errno(err, errno, "cannot look at %s", name);
	if (S_ISREG(st.st_mode)) {
		r = copy_file(from, to, name, &st, err);
		return r < 0 ? r : tree_label(to, name, label, err);
	}
	if (!S_ISDIR(st.st_mode) || depth == 0)
		return sd_error_set(err, EINVAL, "%s is neither a file nor a directory", name);
	if (mkdirat(to, name, 0755) < 0)
		return sd_error_errno(err, errno, "cannot make %s", name);
	r = tree_label(to, name, label, err);
	if (r < 0)
		return r;
	below = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	made = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0 || made < 0)
		return sd_error_errno(err, errno, "cannot open %s", name);
	return copy_level(below, made, label, depth - 1, err);
}

static DIR *list(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir && again >= 0)
		(void)close(again);
	return dir;
}

/* The next entry but for . and .., NULL at the end. */
static const char *next_name(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	return NULL;
}

static int copy_level(int from, int to, const struct label *label, int depth, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = list(from);
	const char *name;
	int r;

	if (!dir)
		return sd_error_errno(err, errno, "cannot list a directory");
	while ((name = next_name(dir))) {
		r = copy_entry(from, to, name, label, depth, err);
		if (r < 0)
			return r;
	}
	if (fsync(to) < 0)
		return sd_error_errno(err, errno, "cannot flush a directory");
	return 0;
}

int tree_copy(int from, int to, const struct label *label, struct sd_error *err)
{
	return copy_level(from, to, label, DEEPEST, err);
}

static bool same_file(int wanted, int other, const char *name, const struct stat *st)
{
	_cleanup_close_ int a = openat(wanted, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int b = openat(other, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char left[16384], right[sizeof(left)];
	struct stat there;
	ssize_t n;

	if (a < 0 || b < 0 || fstat(b, &there) < 0 || there.st_size != st->st_size ||
	        (there.st_mode & 0777) != (st->st_mode & 0755))
		return false;
	while ((n = read(a, left, sizeof(left))) > 0)
		if (read(b, right, sizeof(right)) != n || memcmp(left, right, (size_t)n) != 0)
			return false;
	return n == 0;
}

bool tree_has(int wanted, int other)
{
	_cleanup_closedir_ DIR *dir = list(wanted);
	const char *name;

	if (!dir)
		return false;
	while ((name = next_name(dir))) {
		_cleanup_close_ int a = -1, b = -1;
		struct stat st;

		if (fstatat(wanted, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return false;
		if (S_ISREG(st.st_mode)) {
			if (!same_file(wanted, other, name, &st))
				return false;
			continue;
		}
		a = openat(wanted, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		b = openat(other, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (a < 0 || b < 0 || !tree_has(a, b))
			return false;
	}
	return true;
}

int tree_remove(int dir_fd, const char *name, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *entry;
	int fd, r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return sd_error_errno(err, errno, "cannot remove %s", name);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return sd_error_errno(err, errno, "cannot open %s", name);
	}
	while ((entry = next_name(dir))) {
		r = tree_remove(fd, entry, err);
		if (r < 0)
			return r;
	}
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		return sd_error_errno(err, errno, "cannot remove %s", name);
	return 0;
}
