/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_empty.h"
#include "cancel.h"
#include "cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LEVELS_OPEN 128       /* directories that are open at once; those above are found by ".." */
#define LEVELS_MAX (1u << 20) /* a tree that is deeper is left to an operator */
#define PASSES_MAX 16         /* then somebody must be writing to it */
#define TELL_EVERY UINT64_C(1000) /* removals */

/* A directory that is being emptied. */
struct level {
	char *name; /* in the one above; NULL: the top */
	dev_t dev;
	ino_t ino;
	DIR *dir; /* NULL: closed for now */
	bool keep;
};

struct walk {
	struct level *level;
	size_t n, room;
	uint64_t removed;
	bool left; /* this pass has seen something at the top that is still there */
	void (*told)(void *data, uint64_t removed);
	void *data;
};

static void clear_level(struct level *level)
{
	free(level->name);
	if (level->dir)
		(void)closedir(level->dir);
	*level = (struct level){ 0 };
}

static void clear_walk(struct walk *walk)
{
	while (walk->n > 0)
		clear_level(&walk->level[--walk->n]);
	free(walk->level);
}
#define _cleanup_walk_ __attribute__((cleanup(clear_walk)))

static struct level *top(const struct walk *walk)
{
	return &walk->level[walk->n - 1];
}

/* A tenant's name, for a log: its end is what tells most. */
static void append(char *text, size_t size, const char *name)
{
	size_t used = strlen(text);

	for (; *name && used + 1 < size; name++)
		text[used++] = isprint((unsigned char)*name) ? *name : '?';
	text[used] = '\0';
}

static int failed(
        const struct walk *walk, const char *name, int code, const char *what, struct sd_error *err)
{
	char path[300] = "";
	size_t from = walk->n > 4 ? walk->n - 4 : 0;

	if (from > 0)
		append(path, sizeof(path), ".../");
	for (size_t i = from; i < walk->n; i++)
		if (walk->level[i].name) {
			append(path, sizeof(path), walk->level[i].name);
			append(path, sizeof(path), "/");
		}
	append(path, sizeof(path), name);
	return sd_error_set(err, code, "%s: %s", path, what ? what : strerror(code));
}

static int fail(const struct walk *walk, const char *name, struct sd_error *err)
{
	return failed(walk, name, errno, NULL, err);
}

static bool is_locked(int fd)
{
	int flags;

	return fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	        (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL));
}

/* Why something cannot be removed from the top level; code is unlinkat's. */
static int fail_to_remove(const struct walk *walk, const char *name, int code, struct sd_error *err)
{
	int dir = dirfd(top(walk)->dir);
	_cleanup_close_ int fd = -1;

	if (code == EBUSY)
		return failed(walk, name, EBUSY, "something is mounted there", err);
	if (code != EPERM)
		return failed(walk, name, code, NULL, err);
	if (is_locked(dir))
		return failed(walk, name, EPERM,
		        "its directory is immutable or append-only; \"chattr -ia\" ends that", err);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (is_locked(fd))
		return failed(walk, name, EPERM,
		        "it is immutable or append-only; \"chattr -ia\" ends that", err);
	return failed(walk, name, EPERM, NULL, err);
}

static int open_how(int dir, const char *name, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = resolve | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

/* Takes the descriptor over, and of name a copy. */
static int push(struct walk *walk, int fd, const char *name, struct sd_error *err)
{
	_cleanup_close_ int owned = fd;
	struct level level = { 0 };
	struct stat st;

	if (walk->n == LEVELS_MAX)
		return failed(walk, name, ELOOP, "its directories are too deep", err);
	if (walk->n == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		struct level *grown = reallocarray(walk->level, room, sizeof(*grown));

		if (!grown)
			return sd_error_set(err, ENOMEM, "out of memory");
		walk->level = grown;
		walk->room = room;
	}
	if (fstat(fd, &st) < 0)
		return fail(walk, name ? name : ".", err);
	level.dev = st.st_dev;
	level.ino = st.st_ino;
	level.keep = walk->n == 1 && strcmp(name, "lost+found") == 0 && st.st_uid == geteuid();
	level.name = name ? strdup(name) : NULL;
	level.dir = fdopendir(fd);
	if ((name && !level.name) || !level.dir) {
		clear_level(&level);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	(void)sd_steal_fd(owned);
	walk->level[walk->n++] = level;
	if (walk->n > LEVELS_OPEN && walk->level[walk->n - 1 - LEVELS_OPEN].dir)
		(void)closedir(sd_steal(walk->level[walk->n - 1 - LEVELS_OPEN].dir));
	return 0;
}

static int enter(struct walk *walk, const char *name, struct sd_error *err)
{
	int fd = open_how(dirfd(top(walk)->dir), name, RESOLVE_BENEATH);

	if (fd >= 0)
		return push(walk, fd, name, err);
	if (errno == EXDEV)
		return failed(walk, name, EXDEV, "something is mounted there", err);
	if (errno == ENOSYS)
		return sd_error_set(err, ENOSYS,
		        "a released directory is emptied by openat2(), which this Linux lacks (5.6 "
		        "has it)");
	return errno == ENOENT ? 0 : fail(walk, name, err);
}

/* The level above is opened again by way of the one below, and must be the one that it was. */
static int reopen(const struct level *below, struct level *level)
{
	_cleanup_close_ int fd = open_how(dirfd(below->dir), "..", 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != level->dev || st.st_ino != level->ino)
		return -ESTALE;
	level->dir = fdopendir(fd);
	if (!level->dir)
		return -errno;
	(void)sd_steal_fd(fd);
	return 0;
}

static int removed_one(struct walk *walk, struct sd_error *err)
{
	walk->removed++;
	if (walk->told && walk->removed % TELL_EVERY == 0)
		walk->told(walk->data, walk->removed);
	return cancel_check(err);
}

/* The top level has been read to its end: it is removed from the one above. */
static int leave(struct walk *walk, struct sd_error *err)
{
	struct level done = *top(walk);
	int r = 0;

	walk->n--;
	if (!top(walk)->dir)
		r = reopen(&done, top(walk));
	if (r < 0)
		(void)failed(walk, done.name, -r, "it was moved while it was emptied", err);
	else if (done.keep || !done.name)
		r = 0;
	else if (unlinkat(dirfd(top(walk)->dir), done.name, AT_REMOVEDIR) == 0)
		r = removed_one(walk, err);
	else if (errno == ENOTEMPTY || errno == EEXIST)
		walk->left =
		        true; /* somebody made something, or the directory was read too early */
	else if (errno != ENOENT)
		r = fail_to_remove(walk, done.name, errno, err);
	clear_level(&done);
	return r;
}

static int remove_entry(struct walk *walk, const struct dirent *entry, struct sd_error *err)
{
	int dir = dirfd(top(walk)->dir);
	struct stat st;

	if (entry->d_type == DT_DIR)
		return enter(walk, entry->d_name, err);
	if (entry->d_type == DT_UNKNOWN &&
	        fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return enter(walk, entry->d_name, err);
	if (unlinkat(dir, entry->d_name, 0) == 0)
		return removed_one(walk, err);
	return errno == ENOENT ? 0 : fail_to_remove(walk, entry->d_name, errno, err);
}

/* Reads all below the top to its end once. */
static int pass(struct walk *walk, struct sd_error *err)
{
	struct dirent *entry;
	int r = 0;

	rewinddir(walk->level[0].dir);
	walk->left = false;
	while (r == 0) {
		errno = 0;
		entry = readdir(top(walk)->dir);
		if (!entry && errno)
			return fail(walk, ".", err);
		if (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
			continue;
		if (entry)
			r = remove_entry(walk, entry, err);
		else if (walk->n > 1)
			r = leave(walk, err);
		else
			break;
	}
	return r;
}

int directory_empty(int fd, void (*told)(void *data, uint64_t removed), void *data,
        uint64_t *ret_removed, struct sd_error *err)
{
	_cleanup_walk_ struct walk walk = { .told = told, .data = data };
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	uint64_t before;

	*ret_removed = 0;
	if (again < 0)
		return sd_error_errno(err, errno, "cannot open the directory");
	r = push(&walk, again, NULL, err);
	/* Reading while removing may pass something by: until there was nothing to remove. */
	for (unsigned i = 0; r == 0; i++) {
		before = walk.removed;
		r = cancel_check(err);
		if (r == 0)
			r = pass(&walk, err);
		if (r == 0 && walk.removed == before && !walk.left)
			break;
		if (r == 0 && i == PASSES_MAX)
			r = sd_error_set(err, EBUSY, "somebody still writes to it");
	}
	*ret_removed = walk.removed;
	if (r == 0 && syncfs(walk.level[0].dir ? dirfd(walk.level[0].dir) : fd) < 0)
		r = sd_error_errno(err, errno, "cannot flush the filesystem");
	return r;
}
