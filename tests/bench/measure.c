/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares two ways to do one thing by the time that a caller sees, from the start of a program to its
 * end, without a shell in between:
 *
 *	measure ROUNDS SIDE VS SIDE
 *	SIDE: [UNTIMED] COMMAND... [AND [UNTIMED] COMMAND...]...
 *
 * Both sides run in every round, and which goes first changes with the round, so that whatever else
 * the machine does meets both alike. The time between two commands of a side counts, what a process
 * that outlives its command does afterwards does not: it is awaited before the other side's turn.
 *
 * Prints one line of columns separated by tabs. For each side: the medians of the elapsed and of the
 * processor time in microseconds, and the largest resident set of any of its processes in KiB. Then the
 * median of the rounds' ratios of elapsed times, and its quartiles.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS_MAX 8
#define WARM_UP 1 /* rounds that do not count: page cache, modules, the first use of a volume */
#define ROUNDS_MAX 10000

extern char **environ;

struct side {
	char **step[STEPS_MAX]; /* each is an argv */
	bool untimed[STEPS_MAX];
	size_t n;
	double *us;     /* one a round */
	double *cpu_us; /* of all its processes, in a round */
	size_t round;
	long max_rss_kib;
};

static int output[2]; /* a pipe: commands that say more than it holds would hang, and none does */

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void die(char **argv, const char *why, const char *said)
{
	fprintf(stderr, "measure: ");
	for (; *argv; argv++)
		fprintf(stderr, "%s ", *argv);
	fprintf(stderr, "%s\n%s", why, said);
	exit(1);
}

static double seconds_us(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static void account(struct side *side, const struct rusage *usage)
{
	side->cpu_us[side->round] += seconds_us(usage->ru_utime) + seconds_us(usage->ru_stime);
	if (usage->ru_maxrss > side->max_rss_kib)
		side->max_rss_kib = usage->ru_maxrss;
}

static void start(char **argv, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	int r;

	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_adddup2(&files, output[1], 1);
	(void)posix_spawn_file_actions_adddup2(&files, output[1], 2);
	r = posix_spawnp(ret, argv[0], &files, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	if (r)
		die(argv, "cannot be started", strerror(r));
}

/* Other children than pid are what earlier commands left running; they were given to us by the kernel. */
static int await(pid_t pid, struct side *side)
{
	struct rusage usage;
	int status;
	pid_t ended;

	do {
		ended = wait4(-1, &status, 0, &usage);
		if (ended > 0 && side)
			account(side, &usage);
	} while (ended != pid && (ended > 0 || errno == EINTR));
	return ended == pid ? status : -1;
}

/* Every command must have succeeded, and a driver's answer must say so: its exit status does not. */
static void check(const struct side *side, const int *status)
{
	static char said[65536];
	static const char key[] = "\"status\":\"", success[] = "Success\"";
	ssize_t n = read(output[0], said, sizeof(said) - 1);

	said[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < side->n; i++)
		if (status[i] != 0)
			die(side->step[i], "failed:", said);
	for (const char *p = said; (p = strstr(p, key)); p++)
		if (strncmp(p + strlen(key), success, strlen(success)) != 0)
			die(side->step[0], "... failed:", said);
}

static void run(struct side *side, size_t round)
{
	int status[STEPS_MAX] = { 0 };
	double begin = now_us(), lost = 0;

	side->round = round;
	side->cpu_us[round] = 0;
	for (size_t i = 0; i < side->n && (i == 0 || status[i - 1] == 0); i++) {
		struct side *accountable = side->untimed[i] ? NULL : side;
		double now = now_us();
		pid_t pid;

		if (!accountable)
			(void)await(0, side);
		start(side->step[i], &pid);
		status[i] = await(pid, accountable);
		if (!accountable) {
			(void)await(0, NULL);
			lost += now_us() - now;
		}
	}
	side->us[round] = now_us() - begin - lost;
	(void)await(0, side);
	check(side, status);
}

/* Cuts the words into commands at every AND. Returns the words used: up to VS, or all. */
static int parse_side(char **words, struct side *side)
{
	int i, begin = 0;

	for (i = 0;; i++) {
		bool ends = !words[i] || strcmp(words[i], "VS") == 0;

		if (!ends && strcmp(words[i], "AND") != 0)
			continue;
		if (begin < i && strcmp(words[begin], "UNTIMED") == 0 && side->n < STEPS_MAX) {
			side->untimed[side->n] = true;
			begin++;
		}
		if (begin == i || side->n == STEPS_MAX)
			return 0;
		side->step[side->n++] = words + begin;
		begin = i + 1;
		if (ends)
			break;
		words[i] = NULL;
	}
	return i;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sort(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), ascending);
}

/* The value at a quarter, half or three quarters of what is sorted. */
static double quartile(const double *sorted, size_t n, size_t which)
{
	return sorted[(n - 1) * which / 4];
}

static void report(struct side sides[2], size_t rounds)
{
	static double ratio[ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++)
		ratio[i] = sides[0].us[i] / sides[1].us[i];
	sort(ratio, rounds);
	for (size_t s = 0; s < 2; s++) {
		sort(sides[s].us, rounds);
		sort(sides[s].cpu_us, rounds);
	}
	for (size_t s = 0; s < 2; s++)
		printf("%.0f\t%.0f\t%ld\t", quartile(sides[s].us, rounds, 2),
		        quartile(sides[s].cpu_us, rounds, 2), sides[s].max_rss_kib);
	printf("%.4f\t%.4f\t%.4f\n", quartile(ratio, rounds, 2), quartile(ratio, rounds, 1),
	        quartile(ratio, rounds, 3));
}

int main(int argc, char **argv)
{
	static double us[2][ROUNDS_MAX], cpu_us[2][ROUNDS_MAX];
	struct side sides[2] = { { .us = us[0], .cpu_us = cpu_us[0] },
		{ .us = us[1], .cpu_us = cpu_us[1] } };
	int rounds = argc > 2 ? atoi(argv[1]) : 0, n;

	n = rounds > 0 && rounds <= ROUNDS_MAX ? parse_side(argv + 2, &sides[0]) : 0;
	if (n == 0 || !argv[2 + n] || parse_side(argv + 3 + n, &sides[1]) == 0) {
		fputs("usage: measure ROUNDS [UNTIMED] COMMAND... [AND ...] VS ...\n", stderr);
		return 2;
	}
	argv[2 + n] = NULL;
	if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0 ||
	        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
		perror("measure");
		return 1;
	}
	for (int i = -WARM_UP; i < rounds; i++) {
		size_t round = i < 0 ? 0 : (size_t)i, first = round % 2;

		run(&sides[first], round);
		run(&sides[1 - first], round);
	}
	report(sides, (size_t)rounds);
	return 0;
}
