/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The installed executable, which kubelet calls. It hides the arguments, lets the worker beside it do
 * the call, and prints exactly one line of JSON, whatever becomes of the worker.
 *
 * kubelet reads stdout and stderr together as one JSON document, and on a non-zero exit it logs every
 * argument (driver-call.go); mount's arguments carry Secrets. So the work, with its libraries, happens in
 * another process that has neither stream, and this one is small enough to be trusted to answer.
 */

#include "front_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"

#define UNDO_MS 8000u
#define LOOK "see `journalctl -t solodisk` and the kernel's log (dmesg) on this node"
#define USAGE "Usage: disk VERB [ARGUMENT...]; see solodisk-disk(8)"

struct verb {
	const char *name; /* also what messages say: they never show an argument */
	unsigned bound_ms;
	bool undo; /* a worker that died may have left a mount: a second one takes it back */
};

static const struct verb verbs[] = {
	{ "init", 30000, false },
	{ "getvolumename", 30000, false },
	{ "attach", 30000, false },
	{ "isattached", 30000, false },
	{ "waitforattach", 120000, false },
	{ "mountdevice", 120000, true },
	{ "mount", 120000, true },
	{ "unmount", 8000, false },
	{ "unmountdevice", 8000, false },
	{ "detach", 30000, false },
	{ "expandvolume", 30000, false },
	{ "expandfs", 30000, false },
};
static const struct verb other_verb = { "the call", 30000, false };

struct front {
	const struct verb *verb;
	struct front_request request; /* kind, token, arguments */
	const char *arguments;        /* in request */
	bool secret;                  /* the arguments carry one */
	int signals;
	struct front_files files;
};

static struct front_attempt attempt; /* the newest; too large for the stack */

static void wipe(struct front *front)
{
	if (front->request.text)
		explicit_bzero(front->request.text, front->request.size);
}

/* Whether kubelet's key of a Secret's value stands in a text, also when written with JSON's escapes. */
static bool carries_secret(const char *text)
{
	static const char wanted[] = "kubernetes.io/secret/";
	size_t matched = 0;

	while (*text) {
		unsigned c = (unsigned char)*text++;
		if (c == '\\' && *text) {
			c = (unsigned char)*text++;
			if (c == 'u' && strspn(text, "0123456789abcdefABCDEF") >= 4) {
				const char digits[] = { text[0], text[1], text[2], text[3], '\0' };

				c = (unsigned)strtoul(digits, NULL, 16);
				text += 4;
			}
		}
		/* 'k' stands only at the beginning, so a match can begin nowhere else. */
		if (c == (unsigned char)wanted[matched])
			matched++;
		else
			matched = c == 'k';
		if (!wanted[matched])
			return true;
	}
	return false;
}

/* What tells this call apart from all others: it need not be secret, only unique. */
static void make_token(char *token)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != (ssize_t)sizeof(bytes)) {
		struct timespec now = { 0 };
		uint64_t part[2] = { 0 };

		(void)clock_gettime(CLOCK_REALTIME, &now);
		part[0] = (uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec;
		part[1] = (uint64_t)getpid();
		memcpy(bytes, part, sizeof(bytes));
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		token[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		token[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	token[2 * sizeof(bytes)] = '\0';
}

/*
 * Takes the arguments out of sight: argv is world-readable in /proc/PID/cmdline. They move into the
 * request, in memory that no core dump and (as far as the limit allows) no swap will see. argv[0] stays,
 * so that ps tells what runs. Returns -ENOMEM, with the arguments wiped all the same.
 */
static int hide_arguments(struct front *front, int argc, char **argv)
{
	static const char head[] = "call\0" /* and a token: */ "0123456789abcdef0123456789abcdef";
	size_t size = sizeof(head);
	char *p;

	for (int i = 1; i < argc; i++)
		size += strlen(argv[i]) + 1;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		for (int i = 1; i < argc; i++) {
			front->secret = front->secret || carries_secret(argv[i]);
			explicit_bzero(argv[i], strlen(argv[i]));
		}
		return -ENOMEM;
	}
	(void)madvise(p, size, MADV_DONTDUMP);
	(void)mlock(p, size);
	front->request.text = p;
	front->request.size = size;
	memcpy(p, head, sizeof(head));
	p += sizeof(head);
	front->arguments = p;
	for (int i = 1; i < argc; i++) {
		size_t n = strlen(argv[i]);

		memcpy(p, argv[i], n + 1);
		p += n + 1;
		explicit_bzero(argv[i], n);
	}
	return 0;
}

/* What must be known of the arguments; after they are out of sight. */
static void read_arguments(struct front *front)
{
	const char *end = front->request.text + front->request.size;

	make_token(front->request.text + sizeof("call"));
	for (const char *p = front->arguments; p < end; p += strlen(p) + 1)
		front->secret = front->secret || carries_secret(p);
	for (size_t i = 0; i < SD_ARRAY_SIZE(verbs); i++) {
		if (front->arguments < end && strcmp(front->arguments, verbs[i].name) == 0)
			front->verb = &verbs[i];
	}
	front->request.once = !front->verb->undo;
}

/* A closed stdin, stdout or stderr would become the number of a socket of ours. */
static void fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		/* Without /dev/null at least a descriptor on which every write fails. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			(void)open("/", O_PATH | O_DIRECTORY);
	}
}

/* One line to syslog. Not by syslog(), which waits for ever for a journal that does not read. */
static void log_fault(const char *text)
{
	static const struct sockaddr_un log = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char line[1200];
	int n = snprintf(
	        line, sizeof(line), "<%d>solodisk[%d]: %s", LOG_DAEMON | LOG_ERR, getpid(), text);

	if (fd >= 0 && n > 0 && (size_t)n < sizeof(line))
		(void)sendto(fd, line, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&log,
		        sizeof(log));
}

static void print(const char *line, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, line, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

			(void)poll(&out, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return; /* nobody reads */
		} else if (n > 0) {
			line += n;
			size -= (size_t)n;
		}
	}
}

/* Prints an answer of the front's own. Texts are ours but for the worker's path: ASCII is enough. */
static void print_own(const char *status, const char *text)
{
	char line[2200];
	size_t n =
	        (size_t)snprintf(line, sizeof(line), "{\"status\":\"%s\",\"message\":\"", status);

	for (; *text && n < sizeof(line) - 8; text++) {
		if (*text == '"' || *text == '\\')
			line[n++] = '\\';
		line[n++] = *text < ' ' || *text > '~' ? '?' : *text;
	}
	memcpy(line + n, "\"}\n", 3);
	print(line, n + 3);
}

/* Answers Failure. Returns the exit code: not 0 only if kubelet, which then logs the arguments, may. */
static int fail(struct front *front, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct front *front, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	wipe(front);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_own("Failure", text);
	log_fault(text);
	return front->secret ? 0 : 1;
}

/* Prints the worker's answer. Returns the exit code. */
static int pass_on(struct front *front)
{
	wipe(front);
	attempt.answer[attempt.answer_size] = '\n'; /* the byte that is left for it */
	print(attempt.answer + 1, attempt.answer_size);
	return attempt.answer[0] == 'F' && !front->secret ? 1 : 0;
}

/* The worker gave no answer: says how it ended and, where it may have left a mount, has that undone. */
static int recover(struct front *front, enum front_outcome outcome)
{
	const char *undone = "";
	char end[80];

	front_describe_end(&attempt, outcome, end, sizeof(end));
	if (front->verb->undo) {
		outcome = front_run_worker(
		        &front->files, front->signals, &front->request, "undo", UNDO_MS, &attempt);
		if (outcome == FRONT_ANSWERED && attempt.answer[0] == 'S')
			undone = "; what it had done was undone";
		else if (outcome == FRONT_EXPIRED || outcome == FRONT_INTERRUPTED)
			undone = "; undoing what it had done goes on";
		else
			undone = "; undoing what it had done failed too";
	}
	return fail(front, "%s: the worker %s%s; " LOOK, front->verb->name, end, undone);
}

/* The worker lives, but its answer counts no more: it notices that by itself. */
static int give_up(struct front *front, enum front_outcome outcome)
{
	const char *goes_on =
	        front->verb->undo ? "is being rolled back" : "goes on in the background";
	const char *name = sigabbrev_np(attempt.interrupted);

	if (outcome == FRONT_INTERRUPTED)
		return fail(front, "%s: interrupted by SIG%s, %s; " LOOK, front->verb->name,
		        name ? name : "?", goes_on);
	return fail(front, "%s: took longer than %g s and %s; the disk may be slow or dying: " LOOK,
	        front->verb->name, attempt.bound_ms / 1000.0, goes_on);
}

/* For people. Returns whether it was asked for. */
static bool explain(const struct front *front, int argc)
{
	if (argc != 2 || !front->arguments)
		return false;
	if (strcmp(front->arguments, "--version") == 0)
		print_own("Success", "solodisk " SD_VERSION);
	else if (strcmp(front->arguments, "--help") == 0)
		print_own("Success", "solodisk's FlexVolume driver, called by kubelet. " USAGE);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static struct front front = { .verb = &other_verb };
	static const struct rlimit none = { 0, 0 };
	enum front_outcome outcome;
	int r = hide_arguments(&front, argc, argv);

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(077);
	fill_standard_fds();
	if (r < 0)
		return fail(&front, "out of memory; free some on this node");
	if (argc < 2) {
		print_own("Failure", USAGE);
		return 1;
	}
	read_arguments(&front);
	if (explain(&front, argc))
		return 0;
	front.signals = front_catch_signals();
	if (front.signals < 0)
		return fail(&front, "cannot watch signals: %s", strerror(-front.signals));
	if (front_find_worker(&front.files) < 0)
		return fail(&front, "cannot find my own directory; is /proc mounted?");
	outcome = front_run_worker(&front.files, front.signals, &front.request, "call",
	        front.verb->bound_ms, &attempt);
	if (outcome == FRONT_ANSWERED)
		return pass_on(&front);
	if (outcome == FRONT_NOT_STARTED)
		return fail(&front,
		        "%s: cannot start %s: %s; if that lasts, install solodisk again",
		        front.verb->name,
		        front.files.loader[0] ? front.files.loader : front.files.worker,
		        strerror(attempt.error));
	if (outcome == FRONT_ENDED || outcome == FRONT_RUBBISH)
		return recover(&front, outcome);
	return give_up(&front, outcome);
}
