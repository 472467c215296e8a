/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job.h"
#include "cancel.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define TELL_EVERY (NS_PER_S / 10)

/* The child's side of the events. */
struct teller {
	int fd;
	uint64_t told; /* ns */
	struct job_message message;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* News that nobody fetches is lost: a terminal that is stopped must not stop the disk's work. */
static void tell(struct teller *teller)
{
	(void)send(
	        teller->fd, &teller->message, sizeof(teller->message), MSG_NOSIGNAL | MSG_DONTWAIT);
	teller->told = now_ns();
}

static void on_step(void *data, const char *step)
{
	struct teller *teller = data;

	(void)snprintf(teller->message.step, sizeof(teller->message.step), "%s", step);
	teller->message.done = teller->message.total = 0;
	tell(teller);
}

static void on_amount(void *data, uint64_t done, uint64_t total)
{
	struct teller *teller = data;

	teller->message.done = done;
	teller->message.total = total;
	if (done >= total || now_ns() - teller->told >= TELL_EVERY)
		tell(teller);
}

/* Nothing that a library prints may get between the lines of JSON; stderr is left for a crash. */
static void leave_streams(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

/* The loop's handlers must not run here: they would write into the parent's pipe. */
static void leave_signals(pid_t parent, const sigset_t *mask)
{
	(void)signal(SIGCHLD, SIG_DFL);
	cancel_listen();
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it died before that */
		(void)raise(SIGTERM);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
}

/* What is inherited stays open as long as a disk holds the child: a port, a connection. */
static void leave_descriptors(const struct job_process *others, size_t n, int keep)
{
	if (n == JOB_ALONE) {
		if (keep > STDERR_FILENO + 1)
			(void)close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
		(void)close_range((unsigned)keep + 1, UINT_MAX, 0);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (others[i].fd >= 0)
			(void)close(others[i].fd);
}

static _Noreturn void run_child(
        const struct job_work *work, const struct sd_disk *disk, size_t i, int fd)
{
	struct teller teller = { .fd = fd };
	struct events events = { .step = on_step, .amount = on_amount, .data = &teller };
	struct job_message *message = &teller.message;
	int r;

	if (work->key)
		sd_key_lock(work->key);
	r = cancel_check(&message->err);
	if (r == 0)
		r = work->run(work->data, disk, i, &events, &message->outcome, &message->err);
	if (r < 0 && message->err.code == 0)
		(void)sd_error_errno(&message->err, -r, "failed");
	if (work->key)
		sd_key_free(work->key);
	message->is_result = true;
	while (send(fd, message, sizeof(*message), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	_exit(EXIT_SUCCESS);
}

int job_start(const struct job_work *work, const struct sd_disk *disk, size_t i,
        const struct job_process *others, size_t n, struct job_process *ret, struct sd_error *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	pid_t pid, parent = getpid();
	sigset_t all, mask;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return sd_error_errno(err, errno, "cannot make a socket for the disk's process");
	ours = ends[0];
	theirs = ends[1];
	(void)fflush(NULL); /* what is in a buffer would be printed twice */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &mask);
	pid = fork();
	if (pid == 0) {
		(void)close(sd_steal_fd(ours));
		leave_descriptors(others, n, theirs);
		leave_streams();
		leave_signals(parent, &mask);
		run_child(work, disk, i, theirs);
	}
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		return sd_error_errno(err, errno, "cannot start the disk's process");
	ret->pid = pid;
	ret->fd = sd_steal_fd(ours);
	return 0;
}

void job_tell_death(struct job_message *result, int status)
{
	result->outcome.touched = true; /* as far as we know */
	if (WIFSIGNALED(status))
		sd_error_set(&result->err, EOWNERDEAD, "its process was ended by signal %d (%s)",
		        WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		sd_error_set(&result->err, EOWNERDEAD,
		        "its process ended with status %d and told no result", WEXITSTATUS(status));
}

int job_read(const struct job_process *job, struct job_message *ret)
{
	ssize_t n;

	do
		n = recv(job->fd, ret, sizeof(*ret), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*ret))
		return 1;
	return n < 0 && errno == EAGAIN ? 0 : -1;
}
