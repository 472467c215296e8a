/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api.h"
#include "api_private.h"
#include "cleanup.h"
#include "fake_server.h"
#include "watch_lines.h"

#include <errno.h>
#include <fcntl.h>

/* Without a length: they end with the connection. */
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define NAMED(name, version) \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define LIST(version, more, items)                                                     \
	HEAD "{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" more \
	     "\"},\"items\":[" items "]}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" NAMED(name, version) "}\n"
#define GONE \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}}\n"
#define REFUSED(status) "HTTP/1.1 " status "\r\nContent-Length: 2\r\n\r\n{}"

struct bench {
	uv_loop_t loop;
	struct fake_server server;
	struct api *api;
	struct api_watch *watch;
	char directory[64], config[128];
	char log[4096]; /* what the listener was told */
	char until[64];
	bool is_done, stops, closes;
};

static void note(struct bench *bench, const char *what, const char *name)
{
	size_t len = strlen(bench->log);

	(void)snprintf(bench->log + len, sizeof(bench->log) - len, "%s%s%s", len ? " " : "", what,
	        name ? name : "");
	if (strstr(bench->log, bench->until))
		bench->is_done = true;
}

static const char *name_of(const sd_json *object)
{
	return sd_json_as_string(sd_json_get(sd_json_get(object, "metadata"), "name"));
}

static void on_listed(void *data, sd_json *items)
{
	struct bench *bench = data;
	char all[1024] = "";

	for (size_t i = 0; i < sd_json_size(items); i++)
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? "," : "",
		        name_of(sd_json_at(items, i)));
	note(bench, "=", all);
}

static void on_changed(void *data, enum api_change change, sd_json *object)
{
	struct bench *bench = data;

	if (bench->stops)
		api_watch_stop(sd_steal(bench->watch));
	if (bench->closes)
		api_close(sd_steal(bench->api));
	note(bench,
	        change == API_ADDED              ? "+"
	                : change == API_MODIFIED ? "*"
	                                         : "-",
	        name_of(object));
}

static void on_failing(void *data, const struct sd_error *err)
{
	note(data, err ? "fails" : "works", NULL);
}

static const struct api_listener listener = {
	.listed = on_listed, .changed = on_changed, .failing = on_failing
};

static struct bench *begin(const struct fake_step *steps, size_t n)
{
	struct api_listener ours = listener;
	struct bench *bench = calloc(1, sizeof(*bench));
	struct sd_error err = SD_ERROR_INIT;
	FILE *f;

	(void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/solodisk-watch.XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	(void)snprintf(bench->config, sizeof(bench->config), "%s/config", bench->directory);
	(void)uv_loop_init(&bench->loop);
	bench->server.loop = &bench->loop;
	bench->server.steps = steps;
	bench->server.n_steps = n;
	fake_listen(&bench->server);
	f = fopen(bench->config, "we");
	assert_non_null(f);
	fprintf(f,
	        "{\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"http://127.0.0.1:%d\"}}],"
	        "\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}],\"current-context\":\"x\","
	        "\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"c\",\"user\":\"u\"}}]}",
	        bench->server.port);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(api_open(&bench->loop, bench->config, &bench->api, &err), 0);
	ours.data = bench;
	assert_int_equal(api_watch_start(bench->api, "/api/v1/things", "node=a,x", &ours,
	                         &bench->watch, &err),
	        0);
	return bench;
}

static void run_until(struct bench *bench, const char *text)
{
	(void)snprintf(bench->until, sizeof(bench->until), "%s", text);
	bench->is_done = strstr(bench->log, text) != NULL;
	fake_run_until(&bench->loop, &bench->is_done);
}

static void run_until_asked(struct bench *bench, size_t n)
{
	for (int i = 0; i < 60000 && bench->server.at < n; i++) {
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		(void)usleep(1000);
	}
	assert_int_equal(bench->server.at, n);
}

static void end(struct bench *bench)
{
	assert_int_equal(bench->server.at, bench->server.n_steps);
	api_watch_stop(bench->watch);
	api_close(bench->api);
	fake_stop(&bench->server);
	assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	(void)unlink(bench->config);
	assert_int_equal(rmdir(bench->directory), 0);
	free(bench);
}

/* Runs a script until the listener has been told all of a text, and compares. */
static void play(const struct fake_step *steps, size_t n, const char *told)
{
	struct bench *bench = begin(steps, n);

	run_until(bench, told);
	assert_string_equal(bench->log, told);
	run_until_asked(bench, n);
	end(bench);
}

static void test_list_and_watch(void **state)
{
	static const struct fake_step steps[] = {
		{ .wants = { "GET /api/v1/things?resourceVersion=0&labelSelector=node%3Da%2Cx HTTP" },
		        .pieces = { { LIST("7", "", NAMED("a", "3") "," NAMED("b", "5")) } },
		        .is_cut = true },
		{ .wants = { "GET /api/v1/things?watch=1&allowWatchBookmarks=true&resourceVersion=7&"
		             "timeoutSeconds=",
		          "&labelSelector=node%3Da%2Cx HTTP" },
		        .pieces = { { HEAD EVENT("ADDED", "c", "8") EVENT("MODIFIED", "a", "9") },
		                { EVENT("DELETED", "b", "10"), 0, 20 } } },
	};

	(void)state;
	play(steps, 2, "=a,b +c *a -b");
}

static void test_pages(void **state)
{
	static const struct fake_step steps[] = {
		{ .wants = { "?resourceVersion=0&labelSelector=" },
		        .pieces = { { LIST("7", "a/b+c=", NAMED("a", "3")) } },
		        .is_cut = true },
		{ .wants = { "?limit=500&continue=a%2Fb%2Bc%3D&labelSelector=" },
		        .pieces = { { LIST("7", "next", NAMED("b", "3")) } },
		        .is_cut = true },
		/* The pages took too long: from the beginning. */
		{ .wants = { "&continue=next" }, .pieces = { { REFUSED("410 Gone") } } },
		{ .wants = { "?resourceVersion=0&labelSelector=" },
		        .pieces = { { LIST("9", "z", NAMED("a", "3")) } },
		        .is_cut = true },
		{ .wants = { "&continue=z" },
		        .pieces = { { LIST("9", "", NAMED("c", "3")) } },
		        .is_cut = true },
		{ .wants = { "resourceVersion=9&" }, .pieces = { { HEAD } } },
	};

	(void)state;
	play(steps, 6, "=a,c");
}

#define EMPTY                                                       \
	{                                                           \
		.pieces = { { LIST("1", "", "") } }, .is_cut = true \
	}

/* A cut, in the midst of a line too: goes on from the last whole one, and tells nothing twice. */
static void test_cut(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .wants = { "resourceVersion=1&" },
		        .pieces = { { HEAD EVENT("ADDED", "a", "2") "{\"type\":\"ADDED\",\"obj" } },
		        .is_cut = true },
		{ .wants = { "resourceVersion=2&" },
		        .pieces = { { HEAD EVENT("ADDED", "b", "3") "{\"type\":\"BOOKMARK\",\"ob" },
		                { "ject\":{\"metadata\":{\"resourceVersion\":\"30\"}}}", 0, 30 },
		                { "\n", 0, 30 } },
		        .is_cut = true },
		{ .wants = { "resourceVersion=30&" },
		        .pieces = { { HEAD EVENT("ADDED", "c", "31") } } },
	};

	(void)state;
	play(steps, 4, "= +a +b +c");
}

/* What we know is too old, as HTTP says it, and as the stream does. */
static void test_expired(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .wants = { "resourceVersion=1&" }, .pieces = { { REFUSED("410 Gone") } } },
		{ .wants = { "?resourceVersion=1&labelSelector=" },
		        .pieces = { { LIST("4", "", NAMED("a", "3")) } },
		        .is_cut = true },
		{ .wants = { "resourceVersion=4&" },
		        .pieces = { { HEAD EVENT("ADDED", "b", "5")
		                        GONE EVENT("ADDED", "never", "6") } } },
		{ .wants = { "?resourceVersion=5&labelSelector=" },
		        .pieces = { { LIST("8", "", NAMED("c", "3")) } },
		        .is_cut = true },
		{ .wants = { "resourceVersion=8&" }, .pieces = { { HEAD } } },
	};

	(void)state;
	play(steps, 6, "= =a +b =c");
}

/* An API server, or an etcd, that does not know the version that we know: then the newest. */
static void test_forgotten(void **state)
{
	static const char *const refusals[] = { REFUSED("410 Gone"), REFUSED("400 Bad Request"),
		REFUSED("504 Gateway Timeout") };

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(refusals); i++) {
		const struct fake_step steps[] = {
			EMPTY,
			{ .wants = { "resourceVersion=1&" },
			        .pieces = { { REFUSED("410 Gone") } } },
			{ .wants = { "?resourceVersion=1&labelSelector=" },
			        .pieces = { { refusals[i] } } },
			{ .wants = { "?limit=500&labelSelector=" },
			        .pieces = { { LIST("4", "", NAMED("a", "3")) } },
			        .is_cut = true },
			{ .wants = { "resourceVersion=4&" }, .pieces = { { HEAD } } },
		};

		play(steps, 5, "= fails works =a");
	}
}

/* Once for each outage, whatever it consists of. */
static void test_failing(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { REFUSED("403 Forbidden") } } },
		{ .pieces = { { "" } }, .is_cut = true },
		EMPTY,
		{ .wants = { "resourceVersion=1&" }, .pieces = { { REFUSED("500 Oh") } } },
		{ .wants = { "resourceVersion=1&" }, .pieces = { { REFUSED("503 Oh") } } },
		{ .wants = { "resourceVersion=1&" }, .pieces = { { HEAD } } },
	};

	(void)state;
	play(steps, 6, "fails works = fails works");
}

static void test_too_many_requests(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .pieces = { { "HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n"
		                "Retry-After: 3\r\n\r\n" } } },
		{ .wants = { "resourceVersion=1&" }, .pieces = { { HEAD } } },
	};
	struct bench *bench = begin(steps, 3);
	uint64_t refused;

	(void)state;
	run_until_asked(bench, 2);
	refused = bench->server.last_time;
	run_until_asked(bench, 3);
	assert_true(bench->server.last_time - refused >= 2900);
	end(bench);
}

/* What no API server says: everything is listed again, which is the truth whatever was meant. */
static void test_nonsense(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\n",
		"[]\n",
		"{\"type\":\"ADDED\"}\n",
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}\n",
		"{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"etcd is gone\"}}\n",
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(lines); i++) {
		const struct fake_step steps[] = {
			EMPTY,
			{ .pieces = { { HEAD }, { lines[i] } } },
			{ .wants = { "?resourceVersion=1&labelSelector=" },
			        .pieces = { { LIST("8", "", NAMED("c", "3")) } },
			        .is_cut = true },
			{ .wants = { "resourceVersion=8&" }, .pieces = { { HEAD } } },
		};

		play(steps, 4, "= fails works =c");
	}
}

static void test_endless_line(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .pieces = { { HEAD EVENT("ADDED", "a", "2") },
		          { "0123456789abcdef0123456789abcdef", 131072 + 65536, 0 },
		          { "", 0, 60000 } } },
		{ .wants = { "?resourceVersion=2&labelSelector=" },
		        .pieces = { { LIST("8", "", NAMED("c", "3")) } },
		        .is_cut = true },
		{ .wants = { "resourceVersion=8&" }, .pieces = { { HEAD } } },
	};

	(void)state;
	play(steps, 4, "= +a fails works =c");
}

/* A long object is no endless line. */
static void test_long_line(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .pieces = { { HEAD "{\"type\":\"ADDED\",\"object\":{\"x\":\"" },
		          { "0123456789abcdef0123456789abcdef", 50000, 0 },
		          { "\",\"metadata\":{\"name\":\"long\",\"resourceVersion\":\"2\"}}}\n" EVENT(
		                    "ADDED", "b", "3"),
		                  0, 10 } } },
	};

	(void)state;
	play(steps, 2, "= +long +b");
}

/* Stopped, or all closed, by what a listener does, with more events behind. */
static void test_stop_within(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .pieces = { { HEAD EVENT("ADDED", "a", "2") EVENT("ADDED", "b", "3") } } },
	};

	(void)state;
	for (int closes = 0; closes < 2; closes++) {
		struct bench *bench = begin(steps, 2);

		bench->stops = !closes;
		bench->closes = closes;
		run_until(bench, "+a");
		for (int i = 0; i < 50; i++) {
			(void)usleep(1000);
			(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		}
		assert_string_equal(bench->log, "= +a");
		bench->watch = NULL;
		end(bench);
	}
}

/* The server goes away and comes back: the watch goes on from where it was, and says so once. */
static void test_away(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .pieces = { { HEAD EVENT("ADDED", "a", "2") } } },
		{ .wants = { "resourceVersion=2&" },
		        .pieces = { { HEAD EVENT("ADDED", "b", "3") } } },
	};
	struct bench *bench = begin(steps, 3);

	(void)state;
	run_until(bench, "+a");
	fake_stop(&bench->server);
	run_until(bench, "fails");
	for (int i = 0; i < 2000; i++) {
		(void)usleep(1000);
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	}
	fake_listen(&bench->server);
	run_until(bench, "+b");
	assert_string_equal(bench->log, "= +a fails works +b");
	end(bench);
}

/* A connection that stays and says nothing, as a bad middleman's: it is given up, and the watch goes on. */
static void test_silence(void **state)
{
	static const struct fake_step steps[] = {
		EMPTY,
		{ .pieces = { { HEAD EVENT("ADDED", "a", "2") },
		          { "never", .after_ms = 600000 } } },
		{ .wants = { "resourceVersion=2&" },
		        .pieces = { { HEAD EVENT("ADDED", "b", "3") } } },
	};
	struct bench *bench = begin(steps, 3);

	(void)state;
	/* Before the first stream begins. */
	bench->api->patience = (struct api_patience){ 1, 2, 1 };
	run_until(bench, "+b");
	assert_string_equal(bench->log, "= +a +b");
	end(bench);
}

/* An hour without an answer: about one try in a quarter of a minute, at no two agents the same moment. */
static void test_long_away(void **state)
{
	uint64_t ms = 0, shortest = UINT64_MAX, longest = 0;
	unsigned tries = 0;

	(void)state;
	for (; ms < 3600000; tries++) {
		uint64_t pause = api_pause(tries);

		assert_true(pause >= 20 && pause < 30000);
		if (tries < 5)
			assert_true(pause < UINT64_C(1000) << tries);
		if (tries >= 5 && pause < shortest)
			shortest = pause;
		if (pause > longest)
			longest = pause;
		ms += pause;
	}
	/* 240 of 15 s each; by chance some more or less: 10 standard deviations. */
	assert_in_range(tries, 150, 340);
	assert_true(shortest < 3000 && longest > 27000);
	/* However often it has failed, the pause stays what it is. */
	for (unsigned attempt = 60; attempt < 70; attempt++)
		assert_true(api_pause(attempt) < 30000);
	assert_true(api_pause(UINT32_MAX) < 30000);
}

static void test_lines(void **state)
{
	struct watch_lines lines = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	const char *line;
	size_t len;

	(void)state;
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 0);
	assert_int_equal(watch_lines_add(&lines, "one\ntw", 6, &err), 0);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 1);
	assert_memory_equal(line, "one", len);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 0);
	assert_int_equal(watch_lines_add(&lines, "o\n\nx", 4, &err), 0);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 1);
	assert_int_equal(len, 3);
	assert_memory_equal(line, "two", len);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 1);
	assert_int_equal(len, 0);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 0);
	assert_int_equal(watch_lines_add(&lines, "\n", 1, &err), 0);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 1);
	assert_memory_equal(line, "x", len);
	assert_int_equal(watch_lines_next(&lines, &line, &len, &err), 0);
	assert_null(lines.text); /* nothing is kept when there is nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_and_watch),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_failing),
		cmocka_unit_test(test_too_many_requests),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_stop_within),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_long_away),
		cmocka_unit_test(test_lines),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
