/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"
#include "cleanup.h"
#include "id.h"
#include "process.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define FIRST_SLEEP_MS 1
#define LONGEST_SLEEP_MS 20

static long long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* flock with a bound: there is no timed flock, and an alarm belongs to the program, not to a library. */
static int flock_until(int fd, int operation, long long deadline)
{
	long ms = FIRST_SLEEP_MS;

	while (flock(fd, operation | LOCK_NB) < 0) {
		long long left = deadline - now_ms();
		struct timespec ts;

		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
		ts = (struct timespec){ .tv_nsec = (left < ms ? (long)left : ms) * 1000000 };
		(void)nanosleep(&ts, NULL);
		ms = ms * 2 > LONGEST_SLEEP_MS ? LONGEST_SLEEP_MS : ms * 2;
	}
	return 0;
}

/*
 * "process 12 (cryptsetup)" for the holder of an inode's flock, from /proc/locks. Its lines read
 * "1: FLOCK  ADVISORY  WRITE 12 00:05:345 0 EOF", the device in hex; waiters have "->" before FLOCK.
 */
static void name_flock_holder(int fd, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX], line[256];
	struct stat st;

	(void)snprintf(buf, size, "a process that cannot be seen from here");
	if (fstat(fd, &st) < 0 || sd_root_path(path, sizeof(path), "/proc/locks") < 0)
		return;
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned major_number, minor_number;
		uint64_t inode;
		int pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%" SCNu64, &pid, &major_number,
		            &minor_number, &inode) != 4)
			continue;
		if (pid <= 0 || inode != st.st_ino ||
		        makedev(major_number, minor_number) != st.st_dev)
			continue;
		sd_process_describe(pid, NULL, buf, size);
		return;
	}
}

/* The holder as it wrote itself into the lock file: "PID who". */
static void name_holder(const char *path, int fd, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char who[32];
	int pid;

	if (f && fscanf(f, "%d %31s", &pid, who) == 2)
		sd_process_describe(pid, who, buf, size);
	else
		name_flock_holder(fd, buf, size);
}

/* Makes the directory of the lock files; 0700, so that nobody else can take or hold one open. */
static int make_directory(struct sd_error *err)
{
	static const char *const dirs[] = { "/run/solodisk", "/run/solodisk/lock" };
	char path[PATH_MAX];

	for (size_t i = 0; i < SD_ARRAY_SIZE(dirs); i++) {
		if (sd_root_path(path, sizeof(path), "%s", dirs[i]) < 0)
			return sd_error_set(
			        err, ENAMETOOLONG, "the path of %s is too long", dirs[i]);
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return sd_error_errno(err, errno, "cannot make %s", path);
	}
	return 0;
}

static bool is_still_at(int fd, const char *path)
{
	struct stat by_fd, by_path;

	return fstat(fd, &by_fd) == 0 && lstat(path, &by_path) == 0 &&
	        by_fd.st_dev == by_path.st_dev && by_fd.st_ino == by_path.st_ino;
}

static int write_holder(int fd, const char *path, const char *who, struct sd_error *err)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %s\n", (int)getpid(), who);

	if (n < 0 || (size_t)n >= sizeof(text))
		return sd_error_set(err, EINVAL, "the holder's name \"%s\" is too long", who);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return sd_error_errno(err, errno ? errno : EIO, "cannot write %s", path);
	return 0;
}

/*
 * The file is never unlinked by us. Somebody may still clean up /run: what was locked then is no
 * longer the file that the next caller opens, so after flock the path is looked at again.
 */
int sd_lock_volume(
        const char *id, const char *who, unsigned timeout_ms, int *ret_fd, struct sd_error *err)
{
	long long deadline = now_ms() + timeout_ms;
	char path[PATH_MAX], holder[128];
	int r;

	if (!sd_id_is_valid(id))
		return sd_error_set(err, EINVAL, "\"%s\" is no volume ID", id);
	if (sd_root_path(path, sizeof(path), "/run/solodisk/lock/%s", id) < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of a lock file is too long");
	for (;;) {
		_cleanup_close_ int fd = -1;

		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0 && errno == ENOENT) {
			r = make_directory(err);
			if (r < 0)
				return r;
			fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		}
		if (fd < 0)
			return sd_error_errno(err, errno, "cannot open the lock file %s", path);
		r = flock_until(fd, LOCK_EX, deadline);
		if (r == -ETIMEDOUT) {
			name_holder(path, fd, holder, sizeof(holder));
			return sd_error_set(err, ETIMEDOUT,
			        "volume %s is busy: %s holds its lock for longer than %u ms", id,
			        holder, timeout_ms);
		}
		if (r < 0)
			return sd_error_errno(err, -r, "cannot lock %s", path);
		if (!is_still_at(fd, path))
			continue;
		r = write_holder(fd, path, who, err);
		if (r < 0)
			return r;
		*ret_fd = sd_steal_fd(fd);
		return 0;
	}
}

int sd_lock_disk(int fd, int operation, const char *path, unsigned timeout_ms, struct sd_error *err)
{
	char holder[128];
	int r;

	r = flock_until(fd, operation, now_ms() + timeout_ms);
	if (r == -ETIMEDOUT) {
		name_flock_holder(fd, holder, sizeof(holder));
		return sd_error_set(err, ETIMEDOUT,
		        "%s is busy: %s holds its lock for longer than %u ms", path, holder,
		        timeout_ms);
	}
	return r < 0 ? sd_error_errno(err, -r, "cannot lock %s", path) : 0;
}
