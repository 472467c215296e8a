/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cleanup.h"
#include "json.h"
#include "metrics.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void test_text(void **state)
{
	struct metrics *metrics = metrics_new();
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_non_null(metrics);
	metrics_set(metrics, METRIC_DISKS, "ready", "fast", 2);
	metrics_set(metrics, METRIC_DISKS, "used", "a\"b\\c\nd", 1);
	metrics_set(metrics, METRIC_DISKS, "ready", "fast", 3);
	metrics_set(metrics, METRIC_CAPACITY, "fast", "", 7681501126656.0);
	metrics_add(metrics, METRIC_PREPARE_FAILURES, "fast", "", 1);
	metrics_add(metrics, METRIC_PREPARE_FAILURES, "fast", "", 1);
	metrics_observe(metrics, METRIC_ERASE_SECONDS, 0.5);
	metrics_observe(metrics, METRIC_ERASE_SECONDS, 20);
	metrics_observe(metrics, METRIC_ERASE_SECONDS, 1e6);
	text = metrics_text(metrics, NULL);
	assert_non_null(text);
	has(text,
	        "# TYPE solodisk_disks gauge\n"
	        "solodisk_disks{state=\"ready\",pool=\"fast\"} 3\n"
	        "solodisk_disks{state=\"used\",pool=\"a\\\"b\\\\c\\nd\"} 1\n#");
	has(text, "\nsolodisk_capacity_bytes{pool=\"fast\"} 7681501126656\n");
	has(text, "\nsolodisk_prepare_failures_total{pool=\"fast\"} 2\n");
	has(text, "\nsolodisk_erase_duration_seconds_bucket{le=\"1\"} 1\n");
	has(text, "\nsolodisk_erase_duration_seconds_bucket{le=\"15\"} 1\n");
	has(text, "\nsolodisk_erase_duration_seconds_bucket{le=\"60\"} 2\n");
	has(text, "\nsolodisk_erase_duration_seconds_bucket{le=\"86400\"} 2\n");
	has(text,
	        "\nsolodisk_erase_duration_seconds_bucket{le=\"+Inf\"} 3\n"
	        "solodisk_erase_duration_seconds_sum 1000020.5\n"
	        "solodisk_erase_duration_seconds_count 3\n");
	has(text, "\nsolodisk_config_valid 0\n");
	has(text, "\nsolodisk_build_info{version=\"");
	metrics_free(metrics);
}

static void test_clear(void **state)
{
	struct metrics *metrics = metrics_new();
	_cleanup_free_ char *text = NULL;

	(void)state;
	metrics_set(metrics, METRIC_DISKS, "ready", "fast", 2);
	metrics_set(metrics, METRIC_CAPACITY, "fast", "", 5);
	metrics_set(metrics, METRIC_DISKS, "used", "fast", 2);
	metrics_clear(metrics, METRIC_DISKS);
	metrics_set(metrics, METRIC_DISKS, "blank", "", 1);
	text = metrics_text(metrics, NULL);
	has(text, "gauge\nsolodisk_disks{state=\"blank\",pool=\"\"} 1\n#");
	has(text, "\nsolodisk_capacity_bytes{pool=\"fast\"} 5\n");
	metrics_free(metrics);
}

static void test_age(void **state)
{
	struct metrics *metrics = metrics_new();

	(void)state;
	assert_non_null(metrics);
	(void)usleep(50000);
	assert_true(metrics_age(metrics, METRIC_LAST_SCAN) >= 0.05);
	metrics_set(metrics, METRIC_LAST_SCAN, "", "", 1e9);
	assert_true(metrics_age(metrics, METRIC_LAST_SCAN) < 0.05);
	metrics_free(metrics);
}

struct bench {
	uv_loop_t loop;
	struct server *server;
	char address[64];
	int health; /* what the agent says of itself */
	pthread_t asker;
	uv_async_t asked;
	const char *request;
	char answer[65536];
	int probe;
	struct sd_error err;
};

static char *page(void *data)
{
	(void)data;
	return strdup("a 1\n");
}

static int health(void *data, struct sd_error *err)
{
	struct bench *bench = data;

	return bench->health ? sd_error_set(err, bench->health, "the last scan is 1000 s old") : 0;
}

/* Any free port: one that the kernel has just given and taken. */
static void choose_address(struct bench *bench)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)snprintf(
	        bench->address, sizeof(bench->address), "127.0.0.1:%u", ntohs(address.sin_port));
}

static void on_asked(uv_async_t *asked)
{
	uv_close((uv_handle_t *)asked, NULL);
	uv_stop(asked->loop);
}

static void begin(struct bench *bench)
{
	const struct server_pages pages = { .metrics = page, .health = health, .data = bench };
	struct sd_error err = SD_ERROR_INIT;

	choose_address(bench);
	(void)uv_loop_init(&bench->loop);
	assert_int_equal(
	        server_open(&bench->loop, bench->address, &pages, &bench->server, &err), 0);
}

static void end(struct bench *bench)
{
	server_close(bench->server);
	assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
}

/* The loop serves while another thread asks. */
static void run(struct bench *bench, void *(*ask)(void *data))
{
	(void)uv_async_init(&bench->loop, &bench->asked, on_asked);
	assert_int_equal(pthread_create(&bench->asker, NULL, ask, bench), 0);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	assert_int_equal(pthread_join(bench->asker, NULL), 0);
}

static void *ask(void *data)
{
	struct bench *bench = data;
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(strrchr(bench->address, ':') + 1)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n;

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	        write(fd, bench->request, strlen(bench->request)) > 0)
		while ((n = read(fd, bench->answer + len, sizeof(bench->answer) - 1 - len)) > 0)
			len += (size_t)n;
	bench->answer[len] = '\0';
	(void)close(fd);
	(void)uv_async_send(&bench->asked);
	return NULL;
}

static void *probe(void *data)
{
	struct bench *bench = data;

	bench->probe = server_probe(bench->address, &bench->err);
	(void)uv_async_send(&bench->asked);
	return NULL;
}

static void test_pages(void **state)
{
	static const struct {
		const char *request, *status, *body;
		int health;
	} cases[] = {
		{ "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "\r\n\r\na 1\n", 0 },
		{ "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "\r\n\r\nwell\n", 0 },
		{ "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 503 ",
		        "\r\n\r\nthe last scan is 1000 s old\n", ETIME },
		{ "GET /etc/passwd HTTP/1.0\r\n\r\n", "HTTP/1.0 404 ", "there are", 0 },
		{ "POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.0 405 ",
		        "only GET", 0 },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct bench bench = { .health = cases[i].health, .request = cases[i].request };

		begin(&bench);
		run(&bench, ask);
		/* 1.1 is what some versions say to a 1.0. */
		bench.answer[7] = '0';
		has(bench.answer, cases[i].status);
		has(bench.answer, cases[i].body);
		end(&bench);
	}
}

static void test_probe(void **state)
{
	struct bench bench = { .health = 0 };
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	begin(&bench);
	run(&bench, probe);
	assert_int_equal(bench.probe, 0);
	bench.health = ETIME;
	run(&bench, probe);
	assert_int_equal(bench.probe, -EIO);
	assert_string_equal(bench.err.text, "the last scan is 1000 s old");
	end(&bench);
	assert_int_equal(server_probe(bench.address, &err), -ECONNREFUSED);
	has(err.text, "does not answer");
}

static void test_address(void **state)
{
	static const char *const bad[] = { "", "127.0.0.1", "localhost:80", "127.0.0.1:", ":80",
		"127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1:80", "[127.0.0.1]:80", "[]:1",
		"127.0.0.1:80 " };
	const struct server_pages pages = { .metrics = page, .health = health };
	struct bench first = { .health = 0 };
	struct server *server = NULL;
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	begin(&first);
	for (size_t i = 0; i < SD_ARRAY_SIZE(bad); i++)
		assert_int_equal(server_open(&first.loop, bad[i], &pages, &server, &err), -EINVAL);
	assert_int_equal(
	        server_open(&first.loop, first.address, &pages, &server, &err), -EADDRINUSE);
	assert_null(server);
	end(&first);
}

/* Who connects and says nothing keeps nobody else from being answered. */
static void test_silent(void **state)
{
	struct bench bench = { .request = "GET /healthz HTTP/1.0\r\n\r\n" };
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int silent[3];

	(void)state;
	begin(&bench);
	address.sin_port = htons((uint16_t)atoi(strrchr(bench.address, ':') + 1));
	for (size_t i = 0; i < SD_ARRAY_SIZE(silent); i++) {
		silent[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(
		        connect(silent[i], (const struct sockaddr *)&address, sizeof(address)), 0);
	}
	run(&bench, ask);
	has(bench.answer, " 200 ");
	end(&bench);
	for (size_t i = 0; i < SD_ARRAY_SIZE(silent); i++)
		(void)close(silent[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
