/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spawn.h"
#include "cleanup.h"
#include "self.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#define SEARCH_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
#define TICK_MS 100     /* how often the poll callback is asked */
#define BLIND_TICK_MS 5 /* the same where the kernel has no pidfd_open() (before 5.3) */
#define REAP_MS 2000    /* a killed child that is stuck in the kernel is not waited for longer */

/* A program, and what starts it. */
struct program {
	char path[PATH_MAX];
	char loader[PATH_MAX];        /* the bundle's; empty: the program is the host's */
	char libraries[2 * PATH_MAX]; /* for the loader */
	char settings[PATH_MAX + 32]; /* of mke2fs, which would read the host's */
};

struct child {
	const char *name;
	pid_t pid;
	int pidfd;  /* -1: none */
	int output; /* the reading end of its stdout and stderr; -1 once it has ended */
	char tail[2048];
	size_t tail_len;
};

static long long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* A bundle's programs lie beside the one that runs, with their libraries. */
static bool find_bundled(const char *name, struct program *ret)
{
	char dir[PATH_MAX - 16];

	if (sd_self_loader(ret->loader, sizeof(ret->loader)) < 0)
		return false;
	if (sd_self_dir(dir, sizeof(dir)) == 0 &&
	        snprintf(ret->path, sizeof(ret->path), "%s/%s", dir, name) <
	                (int)sizeof(ret->path) &&
	        access(ret->path, X_OK) == 0) {
		int n = (int)(strrchr(ret->loader, '/') - ret->loader);

		(void)snprintf(
		        ret->libraries, sizeof(ret->libraries), "%s:%.*s", dir, n, ret->loader);
		(void)snprintf(
		        ret->settings, sizeof(ret->settings), "MKE2FS_CONFIG=%s/mke2fs.conf", dir);
		return true;
	}
	return false;
}

static int find_on_host(const char *name, char *buf, size_t size, struct sd_error *err)
{
	const char *p = SEARCH_PATH;

	if (strchr(name, '/')) {
		(void)snprintf(buf, size, "%s", name);
		if (access(buf, X_OK) == 0)
			return 0;
		return sd_error_errno(err, errno, "cannot run %s", name);
	}
	while (*p) {
		size_t n = strcspn(p, ":");

		(void)snprintf(buf, size, "%.*s/%s", (int)n, p, name);
		if (access(buf, X_OK) == 0)
			return 0;
		p += n + (p[n] == ':');
	}
	return sd_error_set(
	        err, ENOENT, "%s is not installed on this node (looked in %s)", name, SEARCH_PATH);
}

static int find_program(const char *name, struct program *ret, struct sd_error *err)
{
	if (!strchr(name, '/') && find_bundled(name, ret))
		return 0;
	ret->loader[0] = '\0';
	return find_on_host(name, ret->path, sizeof(ret->path), err);
}

static bool is_kept(const struct sd_spawn *spawn, int fd)
{
	for (size_t i = 0; i < spawn->n_keep_fds; i++)
		if (spawn->keep_fds[i] == fd)
			return true;
	return false;
}

/*
 * The child's descriptors: 0 to 2 as meant, the kept ones under their own numbers, nothing else.
 * glibc ignores the close of a number that is not open, and a dup2 onto itself clears close-on-exec.
 */
static int plan_fds(const struct sd_spawn *spawn, int output, posix_spawn_file_actions_t *actions)
{
	int r, highest = STDERR_FILENO;

	if (spawn->stdin_fd > 0)
		r = posix_spawn_file_actions_adddup2(actions, spawn->stdin_fd, STDIN_FILENO);
	else
		r = posix_spawn_file_actions_addopen(
		        actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(
		        actions, spawn->stdout_fd > 0 ? spawn->stdout_fd : output, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
	for (size_t i = 0; !r && i < spawn->n_keep_fds; i++) {
		int fd = spawn->keep_fds[i];

		if (fd <= STDERR_FILENO)
			continue;
		r = posix_spawn_file_actions_adddup2(actions, fd, fd);
		if (fd > highest)
			highest = fd;
	}
	for (int fd = STDERR_FILENO + 1; !r && fd < highest; fd++)
		if (!is_kept(spawn, fd))
			r = posix_spawn_file_actions_addclose(actions, fd);
	return r ? r : posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
}

/* Runs the program as it is, or by its bundle's loader. Returns an errno. */
static int run(const struct sd_spawn *spawn, struct program *program,
        const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr, pid_t *ret_pid)
{
	static char path_variable[] = "PATH=" SEARCH_PATH, locale_variable[] = "LC_ALL=C";
	char *const environment[] = { path_variable, locale_variable,
		program->loader[0] ? program->settings : NULL, NULL };
	const char *const head[] = { program->loader, SD_BUNDLE_LOADER_OPTIONS, program->libraries,
		"--argv0", spawn->argv[0], program->path };
	_cleanup_free_ const char **words = NULL;
	union { /* posix_spawn does not write to argv, but its type says so */
		const char *const *in;
		char *const *out;
	} argv = { .in = spawn->argv };
	size_t n = 0;

	if (!program->loader[0])
		return posix_spawn(ret_pid, program->path, actions, attr, argv.out, environment);
	while (spawn->argv[n])
		n++;
	words = calloc(SD_ARRAY_SIZE(head) + n, sizeof(*words)); /* without argv[0], with a NULL */
	if (!words)
		return ENOMEM;
	memcpy(words, head, sizeof(head));
	memcpy(words + SD_ARRAY_SIZE(head), spawn->argv + 1, (n - 1) * sizeof(*words));
	argv.in = words;
	return posix_spawn(ret_pid, program->loader, actions, attr, argv.out, environment);
}

static int start(const struct sd_spawn *spawn, struct program *program, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(
	        &attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = plan_fds(spawn, output, &actions);
	if (!r)
		r = run(spawn, program, &actions, &attr, ret_pid);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Reads what there is and keeps the end of it. The descriptor does not block. */
static void read_output(struct child *child)
{
	char buf[1024];
	ssize_t n;

	while (child->output >= 0) {
		n = read(child->output, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			(void)close(sd_steal_fd(child->output));
			return;
		}
		if (child->tail_len + (size_t)n > sizeof(child->tail)) {
			size_t drop = child->tail_len + (size_t)n - sizeof(child->tail);

			memmove(child->tail, child->tail + drop, child->tail_len - drop);
			child->tail_len -= drop;
		}
		memcpy(child->tail + child->tail_len, buf, (size_t)n);
		child->tail_len += (size_t)n;
	}
}

/* The last line with something in it, with what is not printable made '?'. */
static void last_line(const struct child *child, char *buf, size_t size)
{
	size_t end = child->tail_len, begin, n = 0;

	while (end > 0 && strchr(" \t\r\n", child->tail[end - 1]))
		end--;
	for (begin = end; begin > 0 && !strchr("\r\n", child->tail[begin - 1]); begin--)
		;
	for (; begin < end && n + 1 < size; begin++) {
		char c = child->tail[begin];

		buf[n++] = (c >= ' ' && c < 0x7f) ? c : '?';
	}
	buf[n] = '\0';
}

/* Waits up to ms for output or the end. Returns 1 and the status, 0: still running, or an error. */
static int wait_some(struct child *child, int ms, int *ret_status)
{
	struct pollfd fds[2] = {
		{ .fd = child->pidfd, .events = POLLIN },
		{ .fd = child->output, .events = POLLIN },
	};
	pid_t pid;

	if (child->pidfd < 0 && ms > BLIND_TICK_MS)
		ms = BLIND_TICK_MS;
	(void)poll(fds, 2, ms);
	read_output(child);
	do
		pid = waitpid(child->pid, ret_status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return -errno;
	if (pid > 0)
		read_output(child);
	return pid > 0;
}

/* Kills the group. A process that sits in the kernel (its disk does not answer) does not die. */
static int kill_group(struct child *child, int code, const char *why, struct sd_error *err)
{
	long long deadline = now_ms() + REAP_MS;
	int r, status;

	(void)kill(-child->pid, SIGKILL);
	do {
		r = wait_some(child, TICK_MS, &status);
		if (r)
			return sd_error_set(err, code, "%s was killed: %s", child->name, why);
	} while (now_ms() < deadline);
	return sd_error_set(err, code,
	        "%s was killed (%s), but process %d does not end: its disk does not answer",
	        child->name, why, (int)child->pid);
}

static int tell_exit(const struct child *child, int status, struct sd_error *err)
{
	char line[512];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	last_line(child, line, sizeof(line));
	if (WIFSIGNALED(status))
		return sd_error_set(err, EIO, "%s was ended by signal %d%s%s", child->name,
		        WTERMSIG(status), line[0] ? ": " : "", line);
	return sd_error_set(err, EIO, "%s failed with exit status %d: %s", child->name,
	        WEXITSTATUS(status), line[0] ? line : "it printed nothing");
}

static int wait_for(struct child *child, const struct sd_spawn *spawn, struct sd_error *err)
{
	long long deadline = now_ms() + spawn->timeout_s * 1000LL, next_poll = now_ms() + TICK_MS;

	for (;;) {
		int r, status;

		r = wait_some(child, TICK_MS, &status);
		if (r > 0)
			return tell_exit(child, status, err);
		if (r < 0)
			return sd_error_errno(err, -r, "cannot wait for %s", child->name);
		if (spawn->timeout_s && now_ms() >= deadline)
			return kill_group(child, ETIMEDOUT, "it took too long", err);
		if (spawn->poll && now_ms() >= next_poll) {
			next_poll = now_ms() + TICK_MS;
			if (spawn->poll(spawn->poll_data))
				return kill_group(child, ECANCELED, "the call was given up", err);
		}
	}
}

int sd_spawn(const struct sd_spawn *spawn, struct sd_error *err)
{
	struct child child = { .name = spawn->argv[0], .pidfd = -1, .output = -1 };
	struct program program;
	int r, ends[2];

	r = find_program(spawn->argv[0], &program, err);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return sd_error_errno(err, errno, "cannot make a pipe for %s", child.name);
	child.output = ends[0];
	r = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
	if (!r)
		r = start(spawn, &program, ends[1], &child.pid);
	(void)close(ends[1]);
	if (r) {
		(void)close(child.output);
		return sd_error_errno(err, r, "cannot run %s", program.path);
	}
	child.pidfd = pidfd_open(child.pid, 0);
	r = wait_for(&child, spawn, err);
	if (child.pidfd >= 0)
		(void)close(child.pidfd);
	if (child.output >= 0)
		(void)close(child.output);
	return r;
}
