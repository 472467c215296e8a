/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cancel.h"
#include "cleanup.h"
#include "jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define N 4

/* What a fake disk's work does, and what came of it. The disks are names only. */
struct bench {
	int (*jobs[N])(struct bench *bench, const struct events *events, struct outcome *ret,
	        struct sd_error *err);
	int pipes[2];
	struct job_message results[N];
	size_t order[N], ended, news, stopping;
	char last_step[PROGRESS_STEP];
	uint64_t last_done, last_total;
	volatile unsigned *running, *most; /* shared with the children */
};

static int run(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err)
{
	struct bench *bench = data;

	assert_int_equal(disk->size, i);
	return bench->jobs[i](bench, events, ret, err);
}

static void on_news(void *data, size_t i, const struct job_message *news)
{
	struct bench *bench = data;

	(void)i;
	bench->news++;
	memcpy(bench->last_step, news->step, sizeof(news->step));
	bench->last_done = news->done;
	bench->last_total = news->total;
}

static void on_end(void *data, size_t i, struct job_message *result)
{
	struct bench *bench = data;

	bench->results[i] = *result;
	bench->order[bench->ended++] = i;
}

static void on_stopping(void *data)
{
	struct bench *bench = data;

	bench->stopping++;
}

static void go(struct bench *bench, size_t n, size_t limit, struct sd_key *key)
{
	const struct jobs_listener listener = {
		.news = on_news, .end = on_end, .stopping = on_stopping, .data = bench
	};
	const struct job_work work = { .run = run, .key = key, .data = bench };
	struct sd_disk disks[N] = { 0 };
	struct sd_error err = SD_ERROR_INIT;

	for (size_t i = 0; i < n; i++)
		disks[i].size = i;
	assert_int_equal(jobs_run(&work, disks, n, limit, &listener, &err), 0);
	assert_int_equal(bench->ended, n);
}

static int do_well(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)err;
	events->step(events->data, "fly");
	events->amount(events->data, 5, 5);
	ret->touched = true;
	(void)snprintf(ret->id, sizeof(ret->id), "an id");
	return 0;
}

static int do_fail(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)events;
	(void)ret;
	return sd_error_set(err, EMEDIUMTYPE, "it is a teapot");
}

static int do_crash(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)events;
	(void)ret;
	(void)err;
	(void)raise(SIGKILL);
	return 0;
}

static int do_exit(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)events;
	(void)ret;
	(void)err;
	_exit(7);
}

static void test_results(void **state)
{
	struct bench bench = { .jobs = { do_well, do_fail, do_crash, do_exit } };

	(void)state;
	go(&bench, 4, SIZE_MAX, NULL);
	assert_int_equal(bench.results[0].err.code, 0);
	assert_true(bench.results[0].outcome.touched);
	assert_string_equal(bench.results[0].outcome.id, "an id");
	assert_string_equal(bench.last_step, "fly");
	assert_int_equal(bench.last_done, 5);
	assert_int_equal(bench.last_total, 5);
	assert_int_equal(bench.results[1].err.code, EMEDIUMTYPE);
	assert_string_equal(bench.results[1].err.text, "it is a teapot");
	assert_false(bench.results[1].outcome.touched);
	assert_non_null(strstr(bench.results[2].err.text, "signal 9"));
	assert_true(bench.results[2].outcome.touched);
	assert_non_null(strstr(bench.results[3].err.text, "status 7"));
	assert_true(bench.results[3].outcome.touched);
	assert_int_equal(wait(NULL), -1);
	assert_int_equal(errno, ECHILD);
}

static int do_wait_for_other(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	char c;

	(void)events;
	(void)ret;
	return read(bench->pipes[0], &c, 1) == 1 ? 0 : sd_error_set(err, EPIPE, "nobody");
}

static int do_wake_other(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)events;
	(void)ret;
	return write(bench->pipes[1], "x", 1) == 1 ? 0 : sd_error_set(err, EPIPE, "nobody");
}

/* The first ends only because the second runs beside it. */
static void test_at_once(void **state)
{
	struct bench bench = { .jobs = { do_wait_for_other, do_wake_other } };

	(void)state;
	assert_int_equal(pipe(bench.pipes), 0);
	go(&bench, 2, 2, NULL);
	assert_int_equal(bench.results[0].err.code, 0);
	assert_int_equal(bench.results[1].err.code, 0);
	(void)close(bench.pipes[0]);
	(void)close(bench.pipes[1]);
}

static int do_count(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	unsigned now = __atomic_add_fetch(bench->running, 1, __ATOMIC_SEQ_CST);

	(void)events;
	(void)ret;
	(void)err;
	if (now > *bench->most)
		*bench->most = now;
	(void)usleep(20000);
	(void)__atomic_sub_fetch(bench->running, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void test_limit(void **state)
{
	unsigned *shared =
	        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bench bench = { .jobs = { do_count, do_count, do_count, do_count },
		.running = &shared[0],
		.most = &shared[1] };

	(void)state;
	assert_ptr_not_equal(shared, MAP_FAILED);
	go(&bench, 4, 1, NULL);
	assert_int_equal(*bench.most, 1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(bench.order[i], i);
	(void)munmap(shared, 4096);
}

/* Asks for the stop, and then waits for it to come back. */
static int do_until_stopped(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)events;
	(void)kill(getppid(), SIGTERM);
	while (!cancel_requested())
		(void)usleep(1000);
	ret->touched = true;
	return cancel_check(err);
}

static void test_stop(void **state)
{
	struct bench bench = { .jobs = { do_until_stopped, do_well } };

	(void)state;
	go(&bench, 2, 1, NULL);
	assert_int_equal(bench.stopping, 1);
	assert_int_equal(bench.results[0].err.code, ECANCELED);
	assert_true(bench.results[0].outcome.touched);
	assert_int_equal(bench.results[1].err.code, ECANCELED);
	assert_false(bench.results[1].outcome.touched); /* it was not begun */
	assert_non_null(strstr(bench.results[1].err.text, "before it began"));
}

/* Does not listen to the first, so that a second one is needed. */
static int do_deaf(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)events;
	(void)ret;
	(void)err;
	(void)kill(getppid(), SIGTERM);
	while (!cancel_requested())
		(void)usleep(1000);
	(void)kill(getppid(), SIGTERM);
	(void)usleep(60 * 1000 * 1000);
	return 0;
}

static void test_second_stop_kills(void **state)
{
	struct bench bench = { .jobs = { do_deaf } };

	(void)state;
	go(&bench, 1, 1, NULL);
	assert_int_equal(bench.stopping, 1);
	assert_non_null(strstr(bench.results[0].err.text, "signal 9"));
}

static int do_talk(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)ret;
	(void)err;
	for (unsigned i = 0; i < 100000; i++)
		events->step(events->data, i % 2 ? "tick" : "tock");
	return 0;
}

/* Steps that nobody has room for are lost; the result never is. */
static void test_flood(void **state)
{
	struct bench bench = { .jobs = { do_talk, do_talk, do_talk, do_talk } };

	(void)state;
	go(&bench, 4, SIZE_MAX, NULL);
	for (size_t i = 0; i < 4; i++) {
		assert_true(bench.results[i].is_result);
		assert_int_equal(bench.results[i].err.code, 0);
	}
	assert_true(bench.news > 0);
}

/* The sanitizers make mlock() do nothing. */
static long locked_kib(void)
{
#ifdef __SANITIZE_ADDRESS__
	return 1;
#endif
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &kib) == 1)
			return kib;
	return -1;
}

static int do_look_at_key(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)bench;
	(void)events;
	(void)ret;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return sd_error_set(err, EPERM, "a core could be dumped");
	return locked_kib() > 0 ? 0 : sd_error_set(err, EPERM, "the key is not locked");
}

static void test_key_is_protected(void **state)
{
	struct bench bench = { .jobs = { do_look_at_key } };
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;

	(void)state;
	assert_int_equal(sd_key_copy("0123456789abcdef0123456789abcdef", 32, &key, NULL), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 0), 0);
	go(&bench, 1, 1, &key);
	assert_string_equal(bench.results[0].err.text, "");
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
	assert_memory_equal(
	        key.data, "0123456789abcdef0123456789abcdef", 32); /* ours is not wiped */
}

/* The parent is killed: its job is asked to stop, and tells that through a pipe. */
static int do_outlive(
        struct bench *bench, const struct events *events, struct outcome *ret, struct sd_error *err)
{
	(void)events;
	(void)ret;
	(void)err;
	(void)kill(getppid(), SIGKILL);
	for (int i = 0; i < 10000 && !cancel_requested(); i++)
		(void)usleep(1000);
	if (!cancel_requested())
		return -ETIMEDOUT;
	return write(bench->pipes[1], "c", 1) == 1 ? 0 : -EPIPE;
}

static void test_parent_dies(void **state)
{
	struct bench bench = { .jobs = { do_outlive } };
	int status;
	pid_t pid;
	char c = 0;

	(void)state;
	assert_int_equal(pipe(bench.pipes), 0);
	pid = fork();
	if (pid == 0) {
		go(&bench, 1, 1, NULL);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	(void)close(bench.pipes[1]);
	assert_int_equal(read(bench.pipes[0], &c, 1), 1);
	assert_int_equal(c, 'c');
	(void)close(bench.pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_second_stop_kills),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_key_is_protected),
		cmocka_unit_test(test_parent_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
