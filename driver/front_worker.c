/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "front_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/self.h"

#define WORKER_NAME ".worker"
#define END_MS 1000u /* for a worker that has no answer to give any more */

int front_find_worker(struct front_files *ret)
{
	static const char loader[] = "/" SD_BUNDLE_LIBRARIES "/" SD_BUNDLE_LOADER;
	size_t n;
	int r = sd_self_dir(ret->worker, sizeof(ret->worker) - sizeof(loader));

	if (r < 0)
		return r;
	n = strlen(ret->worker);
	memcpy(ret->loader, ret->worker, n);
	memcpy(ret->loader + n, loader, sizeof(loader));
	memcpy(ret->worker + n, "/" WORKER_NAME, sizeof("/" WORKER_NAME));
	if (access(ret->loader, F_OK) < 0)
		ret->loader[0] = '\0';
	return 0;
}

int front_catch_signals(void)
{
	static const int heard[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t set;
	int fd;

	(void)signal(SIGCHLD, SIG_DFL); /* ignored by our caller, children would leave no status */
	(void)sigfillset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)sigemptyset(&set);
	for (size_t i = 0; i < SD_ARRAY_SIZE(heard); i++)
		(void)sigaddset(&set, heard[i]);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Writes what the pipe takes of the request. A worker that does not want it all is its own affair. */
static void write_request(struct front_request *request, struct front_attempt *attempt)
{
	ssize_t n = write(attempt->request_fd, request->text + attempt->written,
	        request->size - attempt->written);

	if (n > 0)
		attempt->written += (size_t)n;
	if (n < 0 ? errno == EAGAIN : attempt->written < request->size)
		return;
	(void)close(attempt->request_fd);
	attempt->request_fd = -1;
	if (request->once)
		explicit_bzero(request->text, request->size);
}

/*
 * Runs the worker with these descriptors: by the host's loader, or by the bundle's, with its libraries
 * alone. OpenSSL's modules and settings would be the host's.
 */
static int run_worker(const struct front_files *files, const posix_spawn_file_actions_t *actions,
        const posix_spawnattr_t *attributes, pid_t *ret_pid)
{
	static char name[] = "solodisk-worker", search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale[] = "LC_ALL=C", inhibit_cache[] = "--inhibit-cache";
	static char library_path[] = "--library-path", argv0[] = "--argv0";
	static struct front_files
	        copy; /* posix_spawn writes to no argument, but its type says so */
	static char libraries[PATH_MAX], modules[PATH_MAX + 32], settings[PATH_MAX + 32];
	char *const bundled[] = { copy.loader, inhibit_cache, library_path, libraries, argv0, name,
		copy.worker, NULL };
	char *const plain[] = { name, NULL };
	char *const environment[] = { search, locale, files->loader[0] ? modules : NULL, settings,
		NULL };
	size_t n;

	if (!files->loader[0])
		return posix_spawn(ret_pid, files->worker, actions, attributes, plain, environment);
	copy = *files;
	n = (size_t)(strrchr(files->loader, '/') - files->loader);
	memcpy(libraries, files->loader, n);
	libraries[n] = '\0';
	(void)snprintf(modules, sizeof(modules), "OPENSSL_MODULES=%s", libraries);
	(void)snprintf(settings, sizeof(settings), "OPENSSL_CONF=%s/openssl.cnf", libraries);
	return posix_spawn(ret_pid, copy.loader, actions, attributes, bundled, environment);
}

/* Where the worker's streams go; where there is no /dev, to where every write fails. */
static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd < 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : fd;
}

/* Starts the worker with its two descriptors, and with nothing else of ours or of our caller's. */
static int spawn_worker(
        const struct front_files *paths, int request_fd, int answer_fd, pid_t *ret_pid)
{
	_cleanup_close_ int null_fd = open_null();
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int r;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setflags(
	        &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_init(&files);
	r = posix_spawn_file_actions_adddup2(&files, request_fd, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, null_fd, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, 1, 2);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, answer_fd, 3);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&files, 4);
	if (r == 0)
		r = posix_spawn_file_actions_addchdir_np(&files, "/");
	if (r == 0)
		r = run_worker(paths, &files, &attributes, ret_pid);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attributes);
	return -r;
}

static int start_worker(const struct front_files *files, struct front_request *request,
        struct front_attempt *attempt)
{
	int pipe_fds[2], channel[2], r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) {
		r = -errno;
		(void)close(pipe_fds[0]);
		(void)close(pipe_fds[1]);
		return r;
	}
	attempt->request_fd = pipe_fds[1];
	attempt->answer_fd = channel[0];
	(void)fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
	write_request(request, attempt); /* mostly all of it: then the worker never waits */
	r = spawn_worker(files, pipe_fds[0], channel[1], &attempt->pid);
	(void)close(pipe_fds[0]);
	(void)close(channel[1]);
	return r;
}

/* Reads the signals that came: sets ended, or interrupted. */
static void take_signals(int signals, struct front_attempt *attempt)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		/* Our own write to a pipe without a reader is no order to stop. */
		if (info.ssi_signo == SIGPIPE && info.ssi_pid == (uint32_t)getpid())
			continue;
		if (info.ssi_signo != SIGCHLD)
			attempt->interrupted = (int)info.ssi_signo;
	}
	if (!attempt->ended &&
	        waitpid(attempt->pid, &attempt->wait_status, WNOHANG) == attempt->pid)
		attempt->ended = true;
}

static int64_t now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Writes the request and waits: for a datagram, for the worker's end, for a signal or for the bound. */
static enum front_outcome await(int signals, struct front_request *request,
        struct front_attempt *attempt, unsigned bound_ms)
{
	int64_t deadline = now_ms() + bound_ms;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = attempt->closed ? -1 : attempt->answer_fd, .events = POLLIN },
			{ .fd = attempt->request_fd, .events = POLLOUT },
		};
		int64_t left = deadline - now_ms();

		if (left <= 0)
			return attempt->closed ? FRONT_ENDED : FRONT_EXPIRED;
		(void)poll(fds, SD_ARRAY_SIZE(fds), (int)left);
		if (fds[2].revents)
			write_request(request, attempt);
		if (fds[1].revents) {
			char c;

			if (recv(attempt->answer_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
				return FRONT_ANSWERED;
			/* Closed: it can answer no more, and how it ends will be known at once. */
			attempt->closed = true;
			if (deadline > now_ms() + END_MS)
				deadline = now_ms() + END_MS;
		}
		if (fds[0].revents)
			take_signals(signals, attempt);
		if (attempt->ended)
			return FRONT_ENDED;
		if (attempt->interrupted)
			return FRONT_INTERRUPTED;
	}
}

/* Whether what was received is what a worker may say: one line of JSON that says the same as its letter. */
static bool answer_is_sound(const char *answer, size_t size)
{
	const char *wanted = NULL;

	if (answer[0] == 'S')
		wanted = "\"status\":\"Success\"";
	else if (answer[0] == 'F')
		wanted = "\"status\":\"Failure\"";
	else if (answer[0] == 'N')
		wanted = "\"status\":\"Not supported\"";
	if (!wanted || size > 1 + FRONT_ANSWER_MAX)
		return false;
	for (size_t i = 1; i < size; i++) {
		if ((unsigned char)answer[i] < ' ' || answer[i] == 0x7f)
			return false;
	}
	return answer[1] == '{' && answer[size - 1] == '}' &&
	        memmem(answer + 1, size - 1, wanted, strlen(wanted));
}

/*
 * Ends the attempt: from here on no answer counts, and the worker's sending fails; one that came before
 * counts, whatever else has happened. The kernel looks at the shutdown under the lock under which it
 * queues a datagram, and what is queued can still be read (net/unix/af_unix.c).
 */
static enum front_outcome take_answer(struct front_attempt *attempt, enum front_outcome outcome)
{
	char more;
	ssize_t n;

	(void)shutdown(attempt->answer_fd, SHUT_RD);
	n = recv(attempt->answer_fd, attempt->answer, sizeof(attempt->answer),
	        MSG_DONTWAIT | MSG_TRUNC);
	if (n <= 0)
		return outcome == FRONT_ANSWERED ? FRONT_RUBBISH : outcome;
	attempt->answer_size = (size_t)n;
	if (!answer_is_sound(attempt->answer, (size_t)n) ||
	        recv(attempt->answer_fd, &more, 1, MSG_DONTWAIT) > 0)
		return FRONT_RUBBISH;
	return FRONT_ANSWERED;
}

enum front_outcome front_run_worker(const struct front_files *files, int signals,
        struct front_request *request, const char *kind, unsigned bound_ms,
        struct front_attempt *attempt)
{
	const char *lower = getenv("SD_FRONT_TIMEOUT_MS"); /* for tests */
	unsigned long ms = lower ? strtoul(lower, NULL, 10) : 0;
	enum front_outcome outcome;

	attempt->pid = attempt->request_fd = attempt->answer_fd = -1;
	attempt->written = attempt->answer_size = 0;
	attempt->error = attempt->interrupted = attempt->wait_status = 0;
	attempt->ended = attempt->closed = false;
	memcpy(request->text, kind, strlen("call"));
	attempt->bound_ms = ms > 0 && ms < bound_ms ? (unsigned)ms : bound_ms;
	attempt->error = -start_worker(files, request, attempt);
	if (attempt->error)
		return FRONT_NOT_STARTED;
	outcome = await(signals, request, attempt, attempt->bound_ms);
	outcome = take_answer(attempt, outcome);
	if (outcome == FRONT_RUBBISH && !attempt->ended) {
		/* It believes that it has answered: let it end before anything is undone. */
		attempt->closed = true;
		(void)await(signals, request, attempt, END_MS);
	}
	if (attempt->request_fd >= 0)
		(void)close(attempt->request_fd);
	(void)close(attempt->answer_fd);
	return outcome;
}

void front_describe_end(
        const struct front_attempt *attempt, enum front_outcome outcome, char *buf, size_t size)
{
	int status = attempt->wait_status;
	const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

	if (outcome == FRONT_RUBBISH)
		(void)snprintf(buf, size, "gave an answer that makes no sense");
	else if (!attempt->ended)
		(void)snprintf(buf, size, "closed its channel without an answer and still runs");
	else if (name)
		(void)snprintf(buf, size, "was killed by SIG%s", name);
	else if (WIFSIGNALED(status))
		(void)snprintf(buf, size, "was killed by signal %d", WTERMSIG(status));
	else
		(void)snprintf(buf, size, "ended with exit status %d and without an answer",
		        WEXITSTATUS(status));
}
