/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk_answer.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define TICK_MS 50
#define BYTES 4096 /* one sector, and as aligned as O_DIRECT may want it, of any disk */

static void sleep_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Requests that were sent to the disk and have not come back; 0 where that is not known. */
static unsigned requests_waiting(const struct sd_disk *disk)
{
	unsigned reads = 0, writes = 0;
	char text[64];

	if (sd_root_read(text, sizeof(text), "/sys/block/%s/inflight", disk->name) < 0 ||
	        sscanf(text, "%u %u", &reads, &writes) != 2)
		return 0;
	return reads + writes;
}

/* Reads, writes and discards that were completed: Documentation/block/stat.rst. */
static uint64_t requests_completed(const struct sd_disk *disk)
{
	uint64_t reads = 0, writes = 0, discards = 0;
	char text[512];

	if (sd_root_read(text, sizeof(text), "/sys/block/%s/stat", disk->name) == 0)
		(void)sscanf(text,
		        "%" SCNu64 " %*s %*s %*s %" SCNu64 " %*s %*s %*s %*s %*s %*s %" SCNu64,
		        &reads, &writes, &discards);
	return reads + writes + discards;
}

/* Watches a disk that is at work already, without one more request. */
static int watch(const struct sd_disk *disk, unsigned patience_ms, struct sd_error *err)
{
	unsigned waiting = requests_waiting(disk);
	uint64_t completed = requests_completed(disk);

	for (unsigned ms = 0; waiting > 0 && ms < patience_ms; ms += TICK_MS) {
		sleep_ms(TICK_MS);
		if (requests_completed(disk) != completed)
			return 0;
		waiting = requests_waiting(disk);
	}
	return waiting == 0
	        ? 0
	        : sd_error_set(err, ETIMEDOUT,
	                  "%s does not answer: %u requests wait in it, and for %u s "
	                  "none was done; see the kernel's log, then pull or replace it",
	                  disk->node, waiting, patience_ms / 1000);
}

/*
 * In the child. It keeps nothing of its parent's open: no lock, and no stream for whose end somebody
 * waits. It does not return.
 */
static void read_first_bytes(const char *node)
{
	static _Alignas(BYTES) char buf[BYTES];
	int null = open("/dev/null", O_RDWR);
	int fd;

	for (int i = 0; null >= 0 && i <= STDERR_FILENO; i++)
		(void)dup2(null, i);
	if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		for (int i = STDERR_FILENO + 1; i < 1024; i++) /* before Linux 5.9 */
			(void)close(i);
	(void)setsid();
	fd = open(node, O_RDONLY | O_DIRECT | O_NONBLOCK | O_CLOEXEC);
	_exit(fd < 0 || pread(fd, buf, sizeof(buf), 0) < 0);
}

/*
 * Waits for the child's end, or for that of any other request: a disk that has much to do may take long
 * for one of them, and answers all the same. Returns false: nothing at all came back.
 */
static bool comes_back(const struct sd_disk *disk, pid_t pid, unsigned patience_ms)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN }; /* before Linux 5.3: a sleep */
	unsigned tick = pidfd >= 0 ? TICK_MS : 5;
	uint64_t completed = 0;

	for (unsigned ms = 0; ms < patience_ms; ms += tick) {
		(void)poll(&end, 1, (int)tick);
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		if (ms == 0)
			completed = requests_completed(disk);
		else if (requests_completed(disk) != completed)
			return true;
	}
	return false;
}

int sd_disk_answers(const struct sd_disk *disk, unsigned patience_ms, struct sd_error *err)
{
	struct stat st;
	pid_t pid;
	int r;

	if (stat(disk->node, &st) < 0 || !S_ISBLK(st.st_mode))
		return 0; /* gone, or an image: the reader will see */
	r = watch(disk, patience_ms, err);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return sd_error_errno(
		        err, errno, "cannot start a process to see whether %s answers", disk->node);
	if (pid == 0)
		read_first_bytes(disk->node);
	if (comes_back(disk, pid, patience_ms))
		return 0;
	(void)kill(
	        pid, SIGKILL); /* it ends when the disk answers or is gone; nobody waits for it */
	return sd_error_set(err, ETIMEDOUT,
	        "%s does not answer: a read (process %d) has not come back for %u s; see the "
	        "kernel's log, then pull or replace it",
	        disk->node, (int)pid, patience_ms / 1000);
}
