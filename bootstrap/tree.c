/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define LABEL "security.selinux"

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

/* From the root down, so that links on the way count. Whoever else makes one of these meanwhile is welcome. */
static int open_or_make(int root, const char *path)
{
	_cleanup_close_ int parent = open_below(root, "/");
	char prefix[PATH_MAX];

	for (const char *p = path; parent >= 0 && *p;) {
		const char *name = p + strspn(p, "/");
		size_t n = strcspn(name, "/");
		int fd;

		if (n == 0)
			break;
		p = name + n;
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)(p - path), path);
		fd = open_below(root, prefix);
		if (fd == -ENOENT) {
			const char *last = strrchr(prefix, '/') + 1;

			if (mkdirat(parent, last, 0755) < 0 && errno != EEXIST)
				return -errno;
			fd = open_below(root, prefix);
		}
		(void)close(parent);
		parent = fd;
	}
	return sd_steal_fd(parent);
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

/* Goes through a directory in another: entries by their paths, directories before and after what is in them. */
static FTS *walk(int dir_fd, const char *name, char root[PATH_MAX], struct sd_error *err)
{
	char *const paths[] = { root, NULL };
	FTS *fts;

	(void)snprintf(root, PATH_MAX, "/proc/self/fd/%d/%s", dir_fd, name);
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		(void)sd_error_errno(err, errno, "cannot list %s", name);
	return fts;
}

static void walk_end(FTS **fts)
{
	if (*fts)
		(void)fts_close(*fts);
}

static int copy_file(const char *from, int to, const char *name, mode_t mode, struct sd_error *err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return sd_error_errno(err, errno, "cannot copy %s", name);
	do
		n = sendfile(out, in, NULL, 1 << 24);
	while (n > 0);
	if (n < 0 || fchmod(out, mode & 0755) < 0 || fsync(out) < 0)
		return sd_error_errno(err, errno, "cannot copy %s", name);
	return 0;
}

static int flush(int dir_fd, const char *name, struct sd_error *err)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return sd_error_errno(err, errno, "cannot flush %s", name);
	return 0;
}

static int copy_entry(const FTSENT *entry, int to, const char *name, const struct label *label,
        struct sd_error *err)
{
	int r = 0;

	switch (entry->fts_info) {
	case FTS_D:
		if (entry->fts_level > 0 && mkdirat(to, name, 0755) < 0)
			r = sd_error_errno(err, errno, "cannot make %s", name);
		break;
	case FTS_F:
		r = copy_file(entry->fts_path, to, name, entry->fts_statp->st_mode, err);
		break;
	case FTS_DP:
		return flush(to, name, err);
	default:
		return sd_error_set(err, EINVAL, "%s is neither a file nor a directory", name);
	}
	return r < 0 || entry->fts_level == 0 ? r : tree_label(to, name, label, err);
}

int tree_copy(int from, int to, const struct label *label, struct sd_error *err)
{
	char root[PATH_MAX];
	_cleanup_(walk_end) FTS *fts = walk(from, ".", root, err);
	int r = fts ? 0 : -err->code;

	for (FTSENT *entry; r == 0 && (entry = fts_read(fts));) {
		const char *name = entry->fts_path + strlen(root);

		r = copy_entry(entry, to, *name ? name + 1 : ".", label, err);
	}
	return r;
}

static bool same_file(const FTSENT *entry, int other, const char *name)
{
	_cleanup_close_ int a = open(entry->fts_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int b = openat(other, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char left[16384], right[sizeof(left)];
	struct stat there;
	ssize_t n;

	if (a < 0 || b < 0 || fstat(b, &there) < 0 || there.st_size != entry->fts_statp->st_size ||
	        (there.st_mode & 0777) != (entry->fts_statp->st_mode & 0755))
		return false;
	while ((n = read(a, left, sizeof(left))) > 0)
		if (read(b, right, sizeof(right)) != n || memcmp(left, right, (size_t)n) != 0)
			return false;
	return n == 0;
}

bool tree_has(int wanted, int other)
{
	struct sd_error ignored = SD_ERROR_INIT;
	char root[PATH_MAX];
	_cleanup_(walk_end) FTS *fts = walk(wanted, ".", root, &ignored);
	bool same = fts != NULL;

	for (FTSENT *entry; same && (entry = fts_read(fts));)
		if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP)
			same = same_file(entry, other, entry->fts_path + strlen(root) + 1);
	return same;
}

int tree_remove(int dir_fd, const char *name, struct sd_error *err)
{
	char root[PATH_MAX];
	_cleanup_(walk_end) FTS *fts = NULL;

	if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	fts = walk(dir_fd, name, root, err);
	for (FTSENT *entry; fts && (entry = fts_read(fts));) {
		bool is_dir = entry->fts_info == FTS_DP;

		if (entry->fts_info != FTS_D &&
		        unlinkat(AT_FDCWD, entry->fts_path, is_dir ? AT_REMOVEDIR : 0) < 0 &&
		        errno != ENOENT)
			return sd_error_errno(err, errno, "cannot remove %s", name);
	}
	return fts ? 0 : -err->code;
}
