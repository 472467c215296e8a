/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cleanup.h"
#include "progress.h"

#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define N 4
#define MB UINT64_C(1000000)

/* Tells something, in a child whose streams are all one terminal. */
typedef void (*story)(struct progress *progress);

/* Runs it on a terminal of that size, and returns what was written to it. */
static char *tell(story tell_it, unsigned short rows, unsigned short columns, const char *term)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };
	char *text = calloc(1, 65536);
	size_t used = 0;
	int fd, status;
	ssize_t n;
	pid_t pid;

	assert_non_null(text);
	pid = forkpty(&fd, NULL, NULL, &size);
	if (pid == 0) {
		const struct tool tool = { 0 };
		struct sd_disk disks[N] = { 0 };
		struct progress *progress;

		for (int i = 0; i < N; i++)
			(void)snprintf(disks[i].name, sizeof(disks[i].name), "nvme%dn1", i);
		if (setenv("TERM", term, 1) < 0 ||
		        progress_new(&tool, disks, N, &progress, NULL) < 0)
			_exit(1);
		tell_it(progress);
		progress_free(&progress);
		_exit(0);
	}
	assert_true(pid > 0);
	while (used < 65535 && (n = read(fd, text + used, 65535 - used)) > 0)
		used += (size_t)n;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(fd);
	return text;
}

static void half_done(struct progress *progress)
{
	for (size_t i = 0; i < N; i++)
		progress_tell(progress, i, "overwrite", 0, 100 * MB);
	(void)usleep(150000);
	for (size_t i = 0; i < N; i++)
		progress_tell(progress, i, "overwrite", 50 * MB, 100 * MB);
	progress_draw(progress);
	progress_draw(progress); /* nothing has changed */
}

static void test_a_line_a_disk(void **state)
{
	_cleanup_free_ char *text = tell(half_done, 24, 80, "xterm");
	const char *line = text;

	(void)state;
	for (int i = 0; i < N; i++) {
		char name[16];
		size_t width = strcspn(line, "\r\033");

		(void)snprintf(name, sizeof(name), "nvme%dn1  ", i);
		assert_memory_equal(line, name, strlen(name));
		assert_non_null(strstr(line, "overwrite    50%"));
		assert_non_null(strstr(line, "M/s    0:00:0"));
		assert_non_null(strstr(line, "[####"));
		assert_true(width < 80);
		line += width + strspn(line + width, "\r\n");
	}
	/* Taken away at the end: from the last line three up, and all below is cleared. */
	assert_string_equal(strstr(text, "\033"), "\033[3A\r\033[J");
}

static void test_too_many_for_the_terminal(void **state)
{
	_cleanup_free_ char *text = tell(half_done, 3, 30, "xterm");

	(void)state;
	assert_memory_equal(text, "nvme0n1  overwrite    50%", 25);
	assert_true(strcspn(text, "\r") < 30);
	assert_null(strstr(text, "nvme1n1"));
	assert_non_null(strstr(text, "\nand 3 more\033[1A\r\033[J"));
}

static void one_at_a_time(struct progress *progress)
{
	progress_tell(progress, 0, "table", 0, 0);
	progress_draw(progress);
	progress_end(progress, 0);
	progress_hide(progress);
	fputs("done\n", stderr);
	progress_tell(progress, 1, "table", 0, 0);
	progress_draw(progress);
	progress_end(progress, 1);
	progress_end(progress, 2);
	progress_end(progress, 3);
	progress_draw(progress);
}

static void test_results_stand_above(void **state)
{
	_cleanup_free_ char *text = tell(one_at_a_time, 24, 80, "xterm");

	(void)state;
	assert_string_equal(text,
	        "nvme0n1  table\r\n3 waiting\033[1A\r\033[Jdone\r\n"
	        "nvme1n1  table\r\n2 waiting\033[1A\r\033[J");
}

static void test_a_dumb_terminal(void **state)
{
	_cleanup_free_ char *text = tell(half_done, 24, 80, "dumb");

	(void)state;
	assert_string_equal(text,
	        "nvme0n1: overwrite\r\nnvme1n1: overwrite\r\n"
	        "nvme2n1: overwrite\r\nnvme3n1: overwrite\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_a_disk),
		cmocka_unit_test(test_too_many_for_the_terminal),
		cmocka_unit_test(test_results_stand_above),
		cmocka_unit_test(test_a_dumb_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
