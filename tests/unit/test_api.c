/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api.h"
#include "cleanup.h"
#include "fake_server.h"

#include <errno.h>
#include <fcntl.h>

#define OBJECT "{\"kind\":\"Thing\",\"metadata\":{\"name\":\"x\"}}"
#define ANSWER(status, body) "HTTP/1.1 " status "\r\nContent-Length: " body
#define OK_OBJECT ANSWER("200 OK", "40\r\n\r\n" OBJECT)

struct bench {
	uv_loop_t loop;
	struct fake_server server;
	struct api *api;
	char directory[64], config[128], token[128];
	bool is_done;
	size_t n_done, n_wanted;
	int status;
	struct sd_error err;
	char name[64];
};

static void write_file(const char *path, const char *text)
{
	char new[160];
	_cleanup_fclose_ FILE *f = NULL;

	(void)snprintf(new, sizeof(new), "%s.new", path);
	f = fopen(new, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(rename(new, path), 0);
}

static void write_config(struct bench *bench)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
	        "apiVersion: v1\n"
	        "clusters:\n- name: c\n  cluster: {server: \"http://127.0.0.1:%d/\"}\n"
	        "users:\n- name: u\n  user:\n    tokenFile: token\n"
	        "contexts:\n- {name: x, context: {cluster: c, user: u}}\n"
	        "current-context: x\n",
	        bench->server.port);
	write_file(bench->config, text);
}

static struct bench *begin(const struct fake_step *steps, size_t n)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct sd_error err = SD_ERROR_INIT;

	(void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/solodisk-api.XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	(void)snprintf(bench->config, sizeof(bench->config), "%s/config", bench->directory);
	(void)snprintf(bench->token, sizeof(bench->token), "%s/token", bench->directory);
	(void)uv_loop_init(&bench->loop);
	bench->server.loop = &bench->loop;
	bench->server.steps = steps;
	bench->server.n_steps = n;
	bench->n_wanted = 1;
	fake_listen(&bench->server);
	write_file(bench->token, "token-one\n");
	write_config(bench);
	assert_int_equal(api_open(&bench->loop, bench->config, &bench->api, &err), 0);
	return bench;
}

/* Nothing may be left in the loop. */
static void end(struct bench *bench)
{
	if (bench->server.at != bench->server.n_steps)
		fail_msg("%zu of %zu requests came", bench->server.at, bench->server.n_steps);
	api_close(bench->api);
	fake_stop(&bench->server);
	assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	(void)unlink(bench->config);
	(void)unlink(bench->token);
	assert_int_equal(rmdir(bench->directory), 0);
	free(bench);
}

static void on_done(void *data, const struct api_answer *answer)
{
	struct bench *bench = data;
	const char *name =
	        sd_json_as_string(sd_json_get(sd_json_get(answer->body, "metadata"), "name"));

	bench->status = answer->status;
	bench->err = answer->err;
	(void)snprintf(bench->name, sizeof(bench->name), "%s", name ? name : "");
	bench->n_done++;
	bench->is_done = bench->n_done >= bench->n_wanted;
}

static void send_it(struct bench *bench, enum api_method method, sd_json *body)
{
	struct sd_error err = SD_ERROR_INIT;

	assert_int_equal(api_send(bench->api, method, "/api/v1/things/x?a=b", body, on_done, bench,
	                         NULL, &err),
	        0);
}

static void send_and_wait(struct bench *bench, enum api_method method, sd_json *body)
{
	send_it(bench, method, body);
	assert_int_equal(bench->n_done, 0);
	fake_run_until(&bench->loop, &bench->is_done);
}

static void test_get(void **state)
{
	static const struct fake_step steps[] = {
		{ .wants = { "GET /api/v1/things/x?a=b HTTP/1.1\r\n",
		          "Authorization: Bearer token-one\r\n", "Accept: application/json\r\n",
		          "User-Agent: solodisk/" },
		        .pieces = { { OK_OBJECT } } },
	};
	struct bench *bench = begin(steps, 1);

	(void)state;
	send_and_wait(bench, API_GET, NULL);
	assert_int_equal(bench->status, 200);
	assert_int_equal(bench->err.code, 0);
	assert_string_equal(bench->name, "x");
	end(bench);
}

/* One connection serves one after another, and an answer may come in pieces. */
static void test_methods(void **state)
{
	static const struct fake_step steps[] = {
		{ .wants = { "POST /", "Content-Type: application/json\r\n",
		          "\r\n\r\n{\"a\":\"b\"}" },
		        .pieces = { { ANSWER("201 Created", "40\r\n\r\n{\"kind\":\"Thi") },
		                { "ng\",\"metadata\":{\"name\":\"x\"}}", 0, 50 } } },
		{ .wants = { "PUT /", "\r\n\r\n{\"a\":\"b\"}" }, .pieces = { { OK_OBJECT } } },
		{ .wants = { "PATCH /", "Content-Type: application/merge-patch+json\r\n" },
		        .pieces = { { OK_OBJECT } } },
		{ .wants = { "DELETE /", "\r\n\r\n{\"a\":\"b\"}" }, .pieces = { { OK_OBJECT } } },
		{ .wants = { "DELETE /" }, .pieces = { { OK_OBJECT } } },
	};
	static const enum api_method methods[] = { API_CREATE, API_UPDATE, API_PATCH, API_DELETE };
	static const int statuses[] = { 201, 200, 200, 200 };
	struct bench *bench = begin(steps, 5);
	_cleanup_json_ sd_json *body = sd_json_object();

	(void)state;
	assert_int_equal(sd_json_set_string(body, "a", "b"), 0);
	for (size_t i = 0; i < SD_ARRAY_SIZE(methods); i++) {
		bench->n_done = 0;
		bench->is_done = false;
		send_and_wait(bench, methods[i], body);
		assert_int_equal(bench->status, statuses[i]);
		assert_int_equal(bench->err.code, 0);
		assert_string_equal(bench->name, "x");
	}
	bench->n_done = 0;
	bench->is_done = false;
	send_and_wait(bench, API_DELETE, NULL);
	assert_int_equal(bench->server.n_connections, 1);
	end(bench);
}

#define STATUS_409 "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"x is there\"}"
#define STATUS_CON "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"x has changed\"}"

static void test_refusals(void **state)
{
	static const struct {
		const char *answer;
		int status, code;
		const char *text;
	} cases[] = {
		{ ANSWER("404 Not Found", "24\r\n\r\n{\"message\":\"none of it\"}"), 404, ENOENT,
		        "none of it (404)" },
		{ ANSWER("409 Conflict", "65\r\n\r\n" STATUS_409), 409, EEXIST, "x is there" },
		{ ANSWER("409 Conflict", "63\r\n\r\n" STATUS_CON), 409, ESTALE, "x has changed" },
		{ ANSWER("401 Unauthorized", "2\r\n\r\n{}"), 401, EACCES, "(401)" },
		{ ANSWER("403 Forbidden", "9\r\n\r\nForbidden"), 403, EACCES, "(403)" },
		{ ANSWER("422 Invalid", "2\r\n\r\n{}"), 422, EINVAL, "(422)" },
		{ ANSWER("400 Bad", "2\r\n\r\n{}"), 400, EINVAL, "(400)" },
		{ ANSWER("500 Oh", "2\r\n\r\n{}"), 500, EAGAIN, "(500)" },
		{ ANSWER("200 OK", "5\r\n\r\n{\"a\":"), 200, EAGAIN, "cannot be read" },
		{ ANSWER("302 Found", "0\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), 302, EINVAL,
		        "(302)" },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		const struct fake_step step = { .wants = { "DELETE " },
			.pieces = { { cases[i].answer } } };
		struct bench *bench = begin(&step, 1);

		send_and_wait(bench, API_DELETE, NULL);
		assert_int_equal(bench->status, cases[i].status);
		assert_int_equal(bench->err.code, cases[i].code);
		assert_non_null(strstr(bench->err.text, cases[i].text));
		end(bench);
	}
}

/* What only asks is asked again: after a cut, an error of the server's, half an answer. */
static void test_get_again(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { "" } }, .is_cut = true },
		{ .pieces = { { ANSWER("500 Oh", "2\r\n\r\n{}") } } },
		{ .pieces = { { ANSWER("200 OK", "40\r\n\r\n{\"kind\":") } }, .is_cut = true },
		{ .pieces = { { OK_OBJECT } } },
	};
	struct bench *bench = begin(steps, 4);

	(void)state;
	send_and_wait(bench, API_GET, NULL);
	assert_int_equal(bench->status, 200);
	assert_int_equal(bench->err.code, 0);
	end(bench);
}

/* A change is tried once: what a lost answer means, only its sender knows. */
static void test_change_once(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { ANSWER("201 Created", "40\r\n\r\n{\"kind\":") } }, .is_cut = true },
	};
	struct bench *bench = begin(steps, 1);

	(void)state;
	send_and_wait(bench, API_CREATE, NULL);
	assert_int_equal(bench->status, 0);
	assert_int_equal(bench->err.code, EAGAIN);
	end(bench);
}

static void test_too_many_requests(void **state)
{
	static const struct fake_step steps[] = {
		{ .wants = { "GET " },
		        .pieces = { { ANSWER("429 Too Many", "0\r\nRetry-After: 2\r\n\r\n") } } },
		{ .pieces = { { OK_OBJECT } } },
		{ .pieces = { { OK_OBJECT } } },
	};
	struct bench *bench = begin(steps, 3);
	uint64_t begun = uv_hrtime() / 1000000;

	(void)state;
	bench->n_wanted = 2;
	send_it(bench, API_GET, NULL);
	while (bench->server.at == 0)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	for (int i = 0; i < 20; i++) {
		(void)usleep(5000);
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	}
	send_it(bench, API_CREATE, NULL); /* waits too, though it is another one */
	fake_run_until(&bench->loop, &bench->is_done);
	assert_int_equal(bench->err.code, 0);
	assert_true(bench->server.last_time - begun >= 2000);
	end(bench);
}

/* Beyond the limit of time: no request, and no wait for it. */
static void test_too_long_a_wish(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { ANSWER("503 No", "0\r\nRetry-After: 120\r\n\r\n") } } },
	};
	struct bench *bench = begin(steps, 1);

	(void)state;
	send_and_wait(bench, API_GET, NULL);
	assert_int_equal(bench->status, 503);
	bench->is_done = false;
	send_it(bench, API_CREATE, NULL);
	fake_run_until(&bench->loop, &bench->is_done);
	assert_int_equal(bench->status, 0);
	assert_int_equal(bench->err.code, EAGAIN);
	end(bench);
}

static void test_token_rotates(void **state)
{
	static const struct fake_step steps[] = {
		{ .wants = { "Bearer token-one\r\n" }, .pieces = { { OK_OBJECT } } },
		{ .wants = { "Bearer token-two\r\n" }, .pieces = { { OK_OBJECT } } },
		{ .wants = { "POST ", "Bearer token-two\r\n" },
		        .pieces = { { ANSWER("401 Unauthorized", "2\r\n\r\n{}"), 0, 300 } } },
		{ .wants = { "POST ", "Bearer token-three\r\n" }, .pieces = { { OK_OBJECT } } },
	};
	struct bench *bench = begin(steps, 4);

	(void)state;
	send_and_wait(bench, API_GET, NULL);
	write_file(bench->token, "token-two");
	bench->n_done = 0;
	bench->is_done = false;
	send_and_wait(bench, API_GET, NULL);
	/* The next one while the server has the request already: it ended there and then. */
	bench->is_done = false;
	send_it(bench, API_CREATE, NULL);
	while (bench->server.at < 3)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	write_file(bench->token, " token-three\n");
	fake_run_until(&bench->loop, &bench->is_done);
	assert_int_equal(bench->status, 200);
	end(bench);
}

static void test_cancel(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { OK_OBJECT, 0, 500 } } },
		{ .pieces = { { OK_OBJECT } } },
	};
	struct bench *bench = begin(steps, 2);
	struct api_request *first, *second;
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	assert_int_equal(
	        api_send(bench->api, API_GET, "/a", NULL, on_done, bench, &first, &err), 0);
	assert_int_equal(
	        api_send(bench->api, API_GET, "/b", NULL, on_done, bench, &second, &err), 0);
	api_cancel(second); /* not begun */
	while (bench->server.at == 0)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	api_cancel(first);
	send_and_wait(bench, API_GET, NULL);
	assert_int_equal(bench->n_done, 1);
	end(bench);
}

static void close_in_done(void *data, const struct api_answer *answer)
{
	struct bench *bench = data;

	on_done(data, answer);
	api_close(bench->api);
	bench->api = NULL;
}

static void test_close_within(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { OK_OBJECT } } },
		{ .pieces = { { OK_OBJECT, 0, 1000 } } },
	};
	struct bench *bench = begin(steps, 2);
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	assert_int_equal(
	        api_send(bench->api, API_GET, "/a", NULL, close_in_done, bench, NULL, &err), 0);
	assert_int_equal(api_send(bench->api, API_GET, "/b", NULL, on_done, bench, NULL, &err), 0);
	fake_run_until(&bench->loop, &bench->is_done);
	assert_int_equal(bench->n_done, 1);
	while (bench->server.at < 2)
		bench->server.at++; /* the second may have been too late to be sent */
	end(bench);
}

/* However many are sent: few connections, and all are answered. */
static void test_many(void **state)
{
	struct fake_step steps[40];
	struct bench *bench;

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(steps); i++)
		steps[i] = (struct fake_step){ .pieces = { { OK_OBJECT, 0, 5 } } };
	bench = begin(steps, SD_ARRAY_SIZE(steps));
	bench->n_wanted = SD_ARRAY_SIZE(steps);
	for (size_t i = 0; i < SD_ARRAY_SIZE(steps); i++)
		send_it(bench, API_CREATE, NULL);
	fake_run_until(&bench->loop, &bench->is_done);
	assert_int_equal(bench->n_done, SD_ARRAY_SIZE(steps));
	assert_true(bench->server.n_connections <= 4);
	end(bench);
}

static void send_named(struct bench *bench, enum api_method method, const char *name)
{
	_cleanup_json_ sd_json *body = sd_json_object();

	assert_non_null(body);
	assert_int_equal(sd_json_set_string(body, "name", name), 0);
	send_it(bench, method, body);
}

/* All others that wait go before it, though they came later. */
static void test_last(void **state)
{
	struct fake_step steps[12];
	struct bench *bench;

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(steps); i++)
		steps[i] = (struct fake_step){
			.wants = { "POST ",
			        i < 8 ? "{\"name\":\"volume\"}" : "{\"name\":\"event\"}" },
			.pieces = { { OK_OBJECT, 0, 20 } },
		};
	bench = begin(steps, SD_ARRAY_SIZE(steps));
	bench->n_wanted = SD_ARRAY_SIZE(steps);
	for (size_t i = 0; i < 4; i++)
		send_named(bench, API_CREATE_LAST, "event");
	for (size_t i = 0; i < 8; i++)
		send_named(bench, API_CREATE, "volume");
	fake_run_until(&bench->loop, &bench->is_done);
	end(bench);
}

/* Without a difference between them, they come in the order in which they were sent. */
static void test_in_order(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	static char wants[SD_ARRAY_SIZE(names)][32];
	struct fake_step steps[SD_ARRAY_SIZE(names)];
	struct bench *bench;

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(names); i++) {
		(void)snprintf(wants[i], sizeof(wants[i]), "{\"name\":\"%s\"}", names[i]);
		/* The first four are under way at once, and may overtake each other. */
		steps[i] = (struct fake_step){ .wants = { i < 4 ? "POST " : wants[i] },
			.pieces = { { OK_OBJECT, 0, i < 4 ? 20 + 20 * (unsigned)i : 100 } } };
	}
	bench = begin(steps, SD_ARRAY_SIZE(steps));
	bench->n_wanted = SD_ARRAY_SIZE(steps);
	for (size_t i = 0; i < SD_ARRAY_SIZE(names); i++)
		send_named(bench, API_CREATE, names[i]);
	fake_run_until(&bench->loop, &bench->is_done);
	end(bench);
}

static void test_long_answer(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { "HTTP/1.1 200 OK\r\n\r\n" },
		          { "{\"a\":\"0123456789abcdef0123456789abcdef\"}\n", 600000, 0 },
		          { "", 0, 5000 } },
		        .is_cut = true },
	};
	struct bench *bench = begin(steps, 1);

	(void)state;
	send_and_wait(bench, API_CREATE, NULL);
	assert_int_equal(bench->err.code, EAGAIN);
	assert_non_null(strstr(bench->err.text, "longer than 16777216 bytes"));
	end(bench);
}

struct counted {
	uint64_t ok, not_found;
	size_t n;
};

static void on_count(void *data, const char *verb, int status, uint64_t n)
{
	struct counted *counted = data;

	counted->n++;
	if (strcmp(verb, "get") == 0 && status == 200)
		counted->ok = n;
	if (strcmp(verb, "delete") == 0 && status == 404)
		counted->not_found = n;
}

static void test_count(void **state)
{
	static const struct fake_step steps[] = {
		{ .pieces = { { OK_OBJECT } } },
		{ .pieces = { { OK_OBJECT } } },
		{ .pieces = { { ANSWER("404 Not Found", "2\r\n\r\n{}") } } },
	};
	struct bench *bench = begin(steps, 3);
	struct counted counted = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		bench->n_done = 0;
		bench->is_done = false;
		send_and_wait(bench, i < 2 ? API_GET : API_DELETE, NULL);
	}
	api_count(bench->api, on_count, &counted);
	assert_int_equal(counted.n, 2);
	assert_int_equal(counted.ok, 2);
	assert_int_equal(counted.not_found, 1);
	end(bench);
}

/* A server that is away is no error when we begin, and one that stays away ends by the limit of time. */
static void test_away(void **state)
{
	struct bench *bench = begin(NULL, 0);

	(void)state;
	fake_stop(&bench->server);
	send_and_wait(bench, API_CREATE, NULL);
	assert_int_equal(bench->status, 0);
	assert_int_equal(bench->err.code, EAGAIN);
	assert_non_null(strstr(bench->err.text, "did not answer"));
	end(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_get_again),
		cmocka_unit_test(test_change_once),
		cmocka_unit_test(test_too_many_requests),
		cmocka_unit_test(test_too_long_a_wish),
		cmocka_unit_test(test_token_rotates),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_close_within),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_last),
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_long_answer),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_away),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
