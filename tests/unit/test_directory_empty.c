/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Emptying a released directory: everything goes, nothing outside of it is touched. */

#include "cancel.h"
#include "cleanup.h"
#include "directory_empty.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static char base[] = "/tmp/solodisk-empty-XXXXXX";

/* A volume, and beside it what no cleaning may reach. */
static int make(void **state)
{
	(void)state;
	(void)strcpy(base + sizeof(base) - 7, "XXXXXX");
	if (!mkdtemp(base) || chdir(base) < 0)
		return -1;
	return mkdir("volume", 0755) < 0 || mkdir("outside", 0755) < 0 ? -1 : 0;
}

static int discard(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", base);
	return chdir("/") < 0 || system(command) != 0 ? -1 : 0;
}

static void write_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs("tenant", f) >= 0);
}

static unsigned count(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n - 2;
}

static int empty(uint64_t *ret_removed, struct sd_error *err)
{
	_cleanup_close_ int fd = open("volume", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return directory_empty(fd, NULL, NULL, ret_removed, err);
}

static void empty_everything(uint64_t expected)
{
	struct sd_error err = SD_ERROR_INIT;
	uint64_t removed;
	int r = empty(&removed, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	assert_int_equal(removed, expected);
	assert_int_equal(count("volume"), 0);
}

static void test_all_kinds(void **state)
{
	(void)state;
	write_file("volume/file");
	write_file("volume/.hidden");
	write_file("volume/two\nlines");
	assert_int_equal(link("volume/file", "volume/hard"), 0);
	assert_int_equal(mkfifo("volume/fifo", 0600), 0);
	assert_int_equal(mkdir("volume/dir", 0700), 0);
	assert_int_equal(mkdir("volume/dir/empty", 0700), 0);
	write_file("volume/dir/read-only");
	assert_int_equal(chmod("volume/dir/read-only", 0), 0);
	empty_everything(8);
	empty_everything(0); /* it can be repeated */
}

static void test_links_are_not_followed(void **state)
{
	(void)state;
	write_file("outside/precious");
	assert_int_equal(symlink("../outside", "volume/out"), 0);
	assert_int_equal(symlink("../outside/precious", "volume/file"), 0);
	assert_int_equal(symlink("/", "volume/root"), 0);
	assert_int_equal(symlink("nowhere", "volume/dangling"), 0);
	assert_int_equal(mkdir("volume/dir", 0700), 0);
	assert_int_equal(symlink("../..", "volume/dir/up"), 0);
	empty_everything(6);
	assert_int_equal(count("outside"), 1);
}

#define DEPTH 3000

/* Deeper than any path may be long, and than descriptors may be open. */
static void test_deep(void **state)
{
	struct rlimit limit = { 160, 160 }, old;
	unsigned i;

	(void)state;
	assert_int_equal(chdir("volume"), 0);
	for (i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdir("a", 0700), 0);
		assert_int_equal(mkdir("b", 0700), 0);
		write_file("c");
		assert_int_equal(chdir(i % 2 ? "a" : "b"), 0);
	}
	assert_int_equal(chdir(base), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	empty_everything(3 * DEPTH);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_wide(void **state)
{
	char path[64];
	unsigned i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		(void)snprintf(path, sizeof(path), "volume/%u", i);
		if (i % 3)
			write_file(path);
		else
			assert_int_equal(mkdir(path, 0700), 0);
	}
	empty_everything(3000);
}

static void test_lost_and_found(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	uint64_t removed;

	(void)state;
	assert_int_equal(mkdir("volume/lost+found", 0700), 0);
	write_file("volume/lost+found/#1234");
	assert_int_equal(mkdir("volume/dir", 0700), 0);
	assert_int_equal(mkdir("volume/dir/lost+found", 0700), 0); /* a tenant's own */
	assert_int_equal(empty(&removed, &err), 0);
	assert_int_equal(removed, 3);
	assert_int_equal(count("volume"), 1);
	assert_int_equal(count("volume/lost+found"), 0);
	assert_int_equal(rmdir("volume/lost+found"), 0);
	write_file("volume/lost+found"); /* no directory: the tenant's */
	empty_everything(1);
}

/* Root may remove everything: this is tried as somebody else. */
static void test_what_cannot_be_removed(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	uid_t uid = geteuid();
	uint64_t removed;
	int r;

	(void)state;
	assert_int_equal(mkdir("volume/a", 0700), 0);
	write_file("volume/a/file\tname");
	assert_int_equal(chmod("volume/a", 0555), 0);
	assert_int_equal(chmod(base, 0755), 0);
	if (uid == 0)
		assert_int_equal(seteuid(65534), 0);
	r = empty(&removed, &err);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(r, -EACCES);
	assert_string_equal(err.text, "a/file?name: Permission denied");
	assert_int_equal(count("volume/a"), 1);
	assert_int_equal(chmod("volume/a", 0700), 0);
	empty_everything(2);
}

/* In a process of its own, since what was cancelled stays so. */
static void test_cancelled(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	uint64_t removed;
	int status;
	pid_t pid;

	(void)state;
	write_file("volume/file");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		cancel_listen();
		(void)raise(SIGTERM);
		_exit(empty(&removed, &err) == -ECANCELED && removed == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count("volume"), 1);
}

static void tell(void *data, uint64_t removed)
{
	*(uint64_t *)data = removed;
}

static void test_progress(void **state)
{
	_cleanup_close_ int fd = -1;
	uint64_t removed, told = 0;
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 2500; i++) {
		(void)snprintf(path, sizeof(path), "volume/%u", i);
		write_file(path);
	}
	fd = open("volume", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(directory_empty(fd, tell, &told, &removed, NULL), 0);
	assert_int_equal(told, 2000);
	assert_int_equal(removed, 2500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_kinds, make, discard),
		cmocka_unit_test_setup_teardown(test_links_are_not_followed, make, discard),
		cmocka_unit_test_setup_teardown(test_deep, make, discard),
		cmocka_unit_test_setup_teardown(test_wide, make, discard),
		cmocka_unit_test_setup_teardown(test_lost_and_found, make, discard),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_removed, make, discard),
		cmocka_unit_test_setup_teardown(test_cancelled, make, discard),
		cmocka_unit_test_setup_teardown(test_progress, make, discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
