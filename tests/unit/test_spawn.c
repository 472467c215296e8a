/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spawn.h"
#include "tree.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Runs a line of shell. */
static int shell(struct sd_spawn *spawn, const char *line, struct sd_error *err)
{
	const char *argv[] = { "sh", "-c", line, NULL };

	spawn->argv = argv;
	*err = (struct sd_error)SD_ERROR_INIT;
	return sd_spawn(spawn, err);
}

static void test_outcomes(void **state)
{
	static const struct {
		const char *line;
		int result;
		const char *text; /* part of the error */
	} cases[] = {
		{ "exit 0", 0, "" },
		{ "echo first; echo last >&2; exit 3", -EIO, "sh failed with exit status 3: last" },
		{ "printf 'no newline'; exit 1", -EIO, ": no newline" },
		{ "printf 'a\\n\\n  \\n'; exit 1", -EIO, "1: a" },
		{ "printf 'bad \\033[1m\\001'; exit 1", -EIO, "bad ?[1m?" },
		{ "exit 9", -EIO, "it printed nothing" },
		{ "kill -TERM $$", -EIO, "signal 15" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_spawn spawn = { 0 };
		struct sd_error err;

		assert_int_equal(shell(&spawn, cases[i].line, &err), cases[i].result);
		assert_int_equal(err.code, -cases[i].result);
		assert_non_null(strstr(err.text, cases[i].text));
	}
}

static void test_not_installed(void **state)
{
	const char *argv[] = { "no-such-program-of-ours", NULL };
	struct sd_spawn spawn = { .argv = argv };
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	assert_int_equal(sd_spawn(&spawn, &err), -ENOENT);
	assert_non_null(strstr(err.text, "not installed"));
}

/* Much output neither blocks the child nor is kept; the last line is whole. */
static void test_much_output(void **state)
{
	struct sd_spawn spawn = { 0 };
	struct sd_error err;

	(void)state;
	assert_int_equal(
	        shell(&spawn,
	                "i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done; exit 1",
	                &err),
	        -EIO);
	assert_non_null(strstr(err.text, ": line 39999"));
}

static void test_environment(void **state)
{
	struct sd_spawn spawn = { 0 };
	struct sd_error err;

	(void)state;
	assert_int_equal(setenv("SOLODISK_TEST_SECRET", "1", 1), 0);
	assert_int_equal(shell(&spawn, "[ -z \"$SOLODISK_TEST_SECRET\" ]", &err), 0);
	assert_int_equal(
	        shell(&spawn,
	                "[ \"$PATH\" = /usr/sbin:/usr/bin:/sbin:/bin ] && [ \"$LC_ALL\" = C ]",
	                &err),
	        0);
	assert_int_equal(shell(&spawn, "[ \"$(cat)\" = '' ]", &err), 0); /* stdin is /dev/null */
}

static void test_stdin(void **state)
{
	struct sd_spawn spawn = { 0 };
	struct sd_error err;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "given", 5), 5);
	assert_int_equal(close(ends[1]), 0);
	spawn.stdin_fd = ends[0];
	assert_int_equal(shell(&spawn, "[ \"$(cat)\" = given ]", &err), 0);
	assert_int_equal(close(ends[0]), 0);
}

/* Neither a plain descriptor nor a close-on-exec one gets into the child, unless it is to be kept. */
static void test_descriptors(void **state)
{
	struct sd_spawn spawn = { 0 };
	struct sd_error err;
	char line[256];
	int plain, kept;

	(void)state;
	plain = open("/dev/null", O_RDONLY); /* NOLINT: inheritable on purpose */
	kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(plain > 2 && kept > 2);
	(void)snprintf(line, sizeof(line), "[ ! -e /proc/self/fd/%d ] && [ ! -e /proc/self/fd/%d ]",
	        plain, kept);
	assert_int_equal(shell(&spawn, line, &err), 0);
	spawn.keep_fds = &kept;
	spawn.n_keep_fds = 1;
	(void)snprintf(line, sizeof(line), "[ ! -e /proc/self/fd/%d ] && [ -e /proc/self/fd/%d ]",
	        plain, kept);
	assert_int_equal(shell(&spawn, line, &err), 0);
	assert_int_equal(close(plain), 0);
	assert_int_equal(close(kept), 0);
}

/* The whole group dies: a grandchild would go on writing to the disk. */
static void test_timeout(void **state)
{
	struct sd_spawn spawn = { .timeout_s = 1 };
	struct sd_error err;
	char line[PATH_MAX + 100], pid_text[32];
	double began = now();
	FILE *f;

	(void)state;
	(void)snprintf(line, sizeof(line), "sleep 60 & echo $! >%s; wait", tree_path("/pid"));
	assert_int_equal(shell(&spawn, line, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "sh was killed"));
	assert_true(now() - began < 10);
	f = fopen(tree_path("/pid"), "r");
	assert_non_null(f);
	assert_non_null(fgets(pid_text, sizeof(pid_text), f));
	assert_int_equal(fclose(f), 0);
	/* Killed: gone, or a zombie that waits for its new parent. */
	for (int tries = 0; tries < 100; tries++) {
		char status[PATH_MAX], word[32] = "";

		(void)snprintf(status, sizeof(status), "/proc/%d/stat", atoi(pid_text));
		f = fopen(status, "r");
		if (!f)
			return;
		assert_int_equal(fscanf(f, "%*d %*s %31s", word), 1);
		assert_int_equal(fclose(f), 0);
		if (word[0] == 'Z')
			return;
		(void)usleep(20000);
	}
	fail_msg("the grandchild still runs");
}

static int give_up(void *data)
{
	return ++*(int *)data >= 3;
}

static void test_poll(void **state)
{
	int asked = 0;
	struct sd_spawn spawn = { .poll = give_up, .poll_data = &asked };
	struct sd_error err;
	double began = now();

	(void)state;
	assert_int_equal(shell(&spawn, "sleep 60", &err), -ECANCELED);
	assert_int_equal(asked, 3);
	assert_true(now() - began < 10);
}

/* A daemon that keeps the pipe open is not waited for. */
static void test_left_behind(void **state)
{
	struct sd_spawn spawn = { 0 };
	struct sd_error err;
	double began = now();

	(void)state;
	assert_int_equal(shell(&spawn, "sleep 5 & exit 0", &err), 0);
	assert_true(now() - began < 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_not_installed),
		cmocka_unit_test(test_much_output),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_stdin),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_left_behind),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
