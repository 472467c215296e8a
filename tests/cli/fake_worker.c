/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A worker that behaves as the files beside it say, for the tests of the front. "call" and "undo" hold
 * what to do for a request of that kind; "datagram" is what to send. What it saw goes to "calls",
 * "request", "seen" and "sent".
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_FD 3

extern char **environ;

static char directory[PATH_MAX];
static char request[4 << 20];
static size_t request_size;

static const char *beside(const char *name)
{
	static char path[PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static size_t read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while (n < size && (r = read(fd, buf + n, size - n)) > 0)
		n += (size_t)r;
	return n;
}

static size_t read_beside(const char *name, char *buf, size_t size)
{
	int fd = open(beside(name), O_RDONLY | O_CLOEXEC);
	size_t n = fd < 0 ? 0 : read_all(fd, buf, size - 1);

	buf[n] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return n;
}

static void note(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(const char *name, const char *fmt, ...)
{
	FILE *f = fopen(beside(name), "ae");
	va_list ap;

	if (!f)
		abort();
	va_start(ap, fmt);
	(void)vfprintf(f, fmt, ap);
	va_end(ap);
	(void)fclose(f);
}

static void answer(void)
{
	static char datagram[1 << 20];
	size_t n = read_beside("datagram", datagram, sizeof(datagram));
	ssize_t r = send(ANSWER_FD, datagram, n, MSG_NOSIGNAL);

	note("sent", "%s\n", r < 0 ? strerrorname_np(errno) : "sent");
}

static void read_request(void)
{
	FILE *f;

	request_size = read_all(0, request, sizeof(request));
	f = fopen(beside("request"), "we");
	if (!f)
		abort();
	(void)fwrite(request, 1, request_size, f);
	(void)fclose(f);
	note("calls", "%s %s\n", request, request + sizeof("call"));
}

/* Everything that a process can inherit, and what the front shows of itself. */
static void look_around(void)
{
	char buf[4096], link[PATH_MAX + 64];
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	mode_t mask = umask(0);
	size_t n;
	int fd;

	for (char **e = environ; *e; e++)
		note("seen", "env %s\n", *e);
	while (dir && (entry = readdir(dir)) != NULL) {
		char target[PATH_MAX];
		ssize_t r = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (r > 0 && atoi(entry->d_name) != dirfd(dir)) {
			target[r] = '\0';
			*strchrnul(target, '[') = '\0';
			note("seen", "fd %s %s\n", entry->d_name, target);
		}
	}
	note("seen", "umask %03o\ncwd %s\nleader %d\n", (unsigned)mask, getcwd(buf, sizeof(buf)),
	        getsid(0) == getpid());
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read_all(fd, buf, sizeof(buf) - 1);
	buf[n] = '\0';
	for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0)
			note("seen", "%.6s %s\n", line, line + 8);
	}
	(void)snprintf(link, sizeof(link), "/proc/%d/cmdline", getppid());
	fd = open(link, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read_all(fd, buf, sizeof(buf) - 1);
	for (size_t i = 0; i < n; i++)
		buf[i] = buf[i] ? buf[i] : '.';
	buf[n] = '\0';
	note("seen", "front %s\n", buf);
}

static void sleep_ms(unsigned ms)
{
	(void)usleep(ms * 1000);
}

static void behave(const char *what, unsigned ms)
{
	static const struct {
		const char *name;
		int signal;
	} deaths[] = { { "segv", SIGSEGV }, { "kill", SIGKILL }, { "abort", SIGABRT } };

	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		if (strcmp(what, deaths[i].name) == 0)
			(void)raise(deaths[i].signal);
	}
	if (strcmp(what, "exit") == 0) {
		_exit((int)ms);
	} else if (strcmp(what, "answer") == 0) {
		sleep_ms(ms);
		answer();
	} else if (strcmp(what, "look") == 0) {
		look_around();
		answer();
	} else if (strcmp(what, "noise") == 0) {
		(void)dprintf(1, "noise on stdout\n");
		(void)dprintf(2, "noise on stderr\n");
		answer();
	} else if (strcmp(what, "twice") == 0) {
		(void)kill(getppid(), SIGSTOP);
		answer();
		answer();
		(void)kill(getppid(), SIGCONT);
	} else if (strcmp(what, "last-moment") == 0) {
		/* The front finds the answer there, and its time over. */
		(void)kill(getppid(), SIGSTOP);
		sleep_ms(ms);
		answer();
		(void)kill(getppid(), SIGCONT);
	} else if (strcmp(what, "close") == 0) {
		(void)close(ANSWER_FD);
		sleep_ms(ms);
	} else if (strcmp(what, "child") == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			sleep_ms(ms);
			answer();
		} else {
			note("child", "%d\n", pid);
		}
		_exit(0);
	}
}

int main(void)
{
	char kind[8], what[64], name[64];
	unsigned ms = 0;
	ssize_t n = readlink("/proc/self/exe", directory, sizeof(directory) - 1);

	if (n <= 0)
		return 99;
	directory[n] = '\0';
	*strrchr(directory, '/') = '\0';
	(void)read_beside("call", what, sizeof(what));
	/* These two must be known before the request is read, because they do not read it. */
	if (strncmp(what, "deaf", 4) == 0) {
		sleep_ms(100);
		answer();
		return 0;
	}
	if (strncmp(what, "hang-up", 7) == 0) {
		(void)close(0);
		sleep_ms(100);
		answer();
		return 0;
	}
	read_request();
	(void)snprintf(kind, sizeof(kind), "%.7s", request);
	(void)read_beside(kind, what, sizeof(what));
	if (sscanf(what, "%63s %u", name, &ms) < 1)
		return 98;
	behave(name, ms);
	return 0;
}
