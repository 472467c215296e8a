/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#define ID "0a1b2c3d-1111-4222-8333-444444444444"
#define OTHER "0a1b2c3d-1111-4222-8333-555555555555"
#define FILE_OF_ID "/run/solodisk/lock/" ID

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A process that holds the volume's lock from when this returns until it is killed. */
static pid_t start_holder(const char *who)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd;

		/* a test that fails must leave no holder: it would hold what it inherited, too */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sd_lock_volume(ID, who, 1000, &fd, NULL) < 0 || write(ends[1], "x", 1) != 1)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(close(ends[0]), 0);
	return pid;
}

static void end_holder(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_free_lock(void **state)
{
	char text[64] = "", expected[64];
	struct stat st;
	int fd, again;
	FILE *f;

	(void)state;
	(void)tree_parents("/run/");
	assert_int_equal(sd_lock_volume(ID, "mount", 0, &fd, NULL), 0);
	assert_int_equal(stat(tree_path("/run/solodisk"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(tree_path("/run/solodisk/lock"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	f = fopen(tree_path(FILE_OF_ID), "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_int_equal(fclose(f), 0);
	(void)snprintf(expected, sizeof(expected), "%d mount\n", (int)getpid());
	assert_string_equal(text, expected);
	/* Another volume's is free; the file stays when the lock is dropped, and can be taken again. */
	assert_int_equal(sd_lock_volume(OTHER, "mount", 0, &again, NULL), 0);
	assert_int_equal(close(again), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(access(tree_path(FILE_OF_ID), F_OK), 0);
	assert_int_equal(sd_lock_volume(ID, "a-shorter", 0, &fd, NULL), 0);
	assert_int_equal(close(fd), 0);
}

static void test_contention(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	pid_t holder = start_holder("unmount");
	double began = now();
	char word[64];
	int fd = -7;

	(void)state;
	assert_int_equal(sd_lock_volume(ID, "mount", 150, &fd, &err), -ETIMEDOUT);
	assert_true(now() - began > 0.1); /* it waited; clocks of different grain differ a little */
	assert_int_equal(fd, -7);
	(void)snprintf(word, sizeof(word), "process %d (unmount)", (int)holder);
	assert_non_null(strstr(err.text, word));
	assert_non_null(strstr(err.text, ID));
	end_holder(holder);
	assert_int_equal(sd_lock_volume(ID, "mount", 0, &fd, &err), 0);
	assert_int_equal(close(fd), 0);
}

/* Who waits gets the lock soon after it is dropped. */
static void test_waiting(void **state)
{
	pid_t holder = start_holder("mount"), killer;
	double began = now();
	int fd;

	(void)state;
	killer = fork();
	assert_true(killer >= 0);
	if (killer == 0) {
		(void)usleep(200000);
		_exit(kill(holder, SIGKILL) < 0);
	}
	assert_int_equal(sd_lock_volume(ID, "mount", 10000, &fd, NULL), 0);
	assert_true(now() - began >= 0.2 && now() - began < 5);
	assert_int_equal(close(fd), 0);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
}

/*
 * Somebody cleans /run while a call waits: the lock that it gets at last must be on the file that
 * the next caller opens, else both would hold "the" lock.
 */
static void test_replaced_file(void **state)
{
	struct stat locked, there;
	pid_t holder = start_holder("mount"), cleaner;
	int fd, second;

	(void)state;
	cleaner = fork();
	assert_true(cleaner >= 0);
	if (cleaner == 0) {
		(void)usleep(200000);
		_exit(unlink(tree_path(FILE_OF_ID)) < 0 || kill(holder, SIGKILL) < 0);
	}
	assert_int_equal(sd_lock_volume(ID, "mount", 10000, &fd, NULL), 0);
	assert_int_equal(fstat(fd, &locked), 0);
	assert_int_equal(stat(tree_path(FILE_OF_ID), &there), 0);
	assert_int_equal(locked.st_ino, there.st_ino);
	assert_int_equal(sd_lock_volume(ID, "mount", 0, &second, NULL), -ETIMEDOUT);
	assert_int_equal(close(fd), 0);
	assert_int_equal(waitpid(cleaner, NULL, 0), cleaner);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
}

/* A child that is started meanwhile does not keep the lock. */
static void test_not_inherited(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(sd_lock_volume(ID, "mount", 0, &fd, NULL), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
}

static void test_bad_names(void **state)
{
	static const char *const ids[] = { "", "x", "../../../etc/passwd",
		"0A1B2C3D-1111-4222-8333-444444444444" };
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(sd_lock_volume(ids[i], "mount", 0, &fd, NULL), -EINVAL);
	/* A link in the file's place is not followed. */
	assert_int_equal(unlink(tree_path(FILE_OF_ID)), 0);
	tree_link(FILE_OF_ID, tree_path("/victim"));
	assert_int_equal(sd_lock_volume(ID, "mount", 0, &fd, NULL), -ELOOP);
	assert_int_equal(access(tree_path("/victim"), F_OK), -1);
	assert_int_equal(unlink(tree_path(FILE_OF_ID)), 0);
}

/* The holder of a disk's lock is found in /proc/locks; a waiter's line, and other files', are not it. */
static void test_disk(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	int first, second;
	char text[512];
	struct stat st;

	(void)state;
	tree_write("/disk", "");
	first = open(tree_path("/disk"), O_RDONLY | O_CLOEXEC);
	second = open(tree_path("/disk"), O_RDONLY | O_CLOEXEC);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(sd_lock_disk(first, LOCK_SH, "/dev/x", 0, &err), 0);
	assert_int_equal(sd_lock_disk(second, LOCK_SH, "/dev/x", 0, &err), 0);
	assert_int_equal(sd_lock_disk(second, LOCK_EX, "/dev/x", 50, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "/dev/x is busy"));
	assert_int_equal(fstat(first, &st), 0);
	(void)snprintf(text, sizeof(text),
	        "1: POSIX  ADVISORY  WRITE 11 %02x:%02x:%llu 0 EOF\n"
	        "2: FLOCK  ADVISORY  READ 22 %02x:%02x:1 0 EOF\n"
	        "3: FLOCK  ADVISORY  READ 33 %02x:%02x:%llu 0 EOF\n"
	        "3: -> FLOCK  ADVISORY  WRITE 44 %02x:%02x:%llu 0 EOF\n",
	        major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino, major(st.st_dev),
	        minor(st.st_dev), major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino,
	        major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
	tree_write("/proc/locks", text);
	tree_write("/proc/33/comm", "cryptsetup\n");
	assert_int_equal(sd_lock_disk(second, LOCK_EX, "/dev/x", 0, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "process 33 (cryptsetup)"));
	assert_int_equal(close(first), 0);
	assert_int_equal(sd_lock_disk(second, LOCK_EX, "/dev/x", 0, &err), 0);
	assert_int_equal(close(second), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_lock),
		cmocka_unit_test(test_contention),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_replaced_file),
		cmocka_unit_test(test_not_inherited),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_disk),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
