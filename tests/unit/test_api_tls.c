/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api.h"
#include "cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* openssl(1) is authority and server: two authorities, servers with the right name and another, a client. */
static const char make_certificates[] =
        "set -e; cd '%s'\n"
        "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=$1 -keyout $1.key -out $1.crt; }\n"
        "cert() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$1 "
        "-keyout $1.key -out $1.csr; echo \"subjectAltName=$3\" >$1.ext\n"
        "openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days $4 "
        "-extfile $1.ext -out $1.crt; }\n"
        "{ ca ca; ca other; cert good ca IP:127.0.0.1 2; cert name ca DNS:kubernetes 2; "
        "cert foreign other IP:127.0.0.1 2; cert client ca DNS:me 2; } 2>/dev/null\n"
        "printf '{\"kind\":\"Thing\"}' >thing\n";

static char directory[64];

struct answer {
	int status;
	struct sd_error err;
	bool is_done;
};

static void on_done(void *data, const struct api_answer *answer)
{
	struct answer *ret = data;

	ret->status = answer->status;
	ret->err = answer->err;
	ret->is_done = true;
}

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin_port);
}

static pid_t start_server(const char *certificate, bool wants_client, int port)
{
	char cert[32], key[32], where[32];
	const char *argv[] = { "openssl", "s_server", "-quiet", "-WWW", "-accept", where, "-cert",
		cert, "-key", key, wants_client ? "-Verify" : NULL, "1", "-verify_return_error",
		"-CAfile", "ca.crt", NULL };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)snprintf(cert, sizeof(cert), "%s.crt", certificate);
	(void)snprintf(key, sizeof(key), "%s.key", certificate);
	(void)snprintf(where, sizeof(where), "127.0.0.1:%d", port);
	if (chdir(directory) == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, 1);
		(void)dup2(null, 2);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	}
	_exit(127);
}

static void wait_for_server(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };

	for (int i = 0; i < 6000; i++) {
		_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
			return;
		(void)usleep(10000);
	}
	fail_msg("the server does not come up");
}

static void write_config(const char *path, int port, const char *ca, bool has_client)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f,
	        "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
	        "clusters: [{name: c, cluster: {server: \"https://127.0.0.1:%d\"%s%s}}]\n"
	        "users:\n- name: u\n  user: {token: HUSH%s}\n",
	        port, ca ? ", certificate-authority: " : "", ca ? ca : "",
	        has_client ? ", client-certificate: client.crt, client-key: client.key" : "");
	assert_int_equal(fclose(f), 0);
}

/* One request to a server with this certificate, by a client that trusts ca. */
static void ask(const char *certificate, const char *ca, bool wants_client, bool has_client,
        struct answer *ret)
{
	int port = free_port();
	pid_t server = start_server(certificate, wants_client, port);
	struct sd_error err = SD_ERROR_INIT;
	char config[96];
	struct api *api;
	uv_loop_t loop;

	*ret = (struct answer){ 0 };
	wait_for_server(port);
	(void)snprintf(config, sizeof(config), "%s/config", directory);
	write_config(config, port, ca, has_client);
	(void)uv_loop_init(&loop);
	assert_int_equal(api_open(&loop, config, &api, &err), 0);
	/* A change is tried once, so that a refusal is quick. */
	assert_int_equal(api_send(api, ca && has_client ? API_GET : API_DELETE, "/thing", NULL,
	                         on_done, ret, NULL, &err),
	        0);
	while (!ret->is_done)
		(void)uv_run(&loop, UV_RUN_ONCE);
	api_close(api);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	assert_null(strstr(ret->err.text, "HUSH"));
}

static void test_good(void **state)
{
	struct answer answer;

	(void)state;
	ask("good", "ca.crt", true, true, &answer);
	assert_string_equal(answer.err.text, "");
	assert_int_equal(answer.status, 200);
}

static void test_refused(void **state)
{
	static const struct {
		const char *certificate, *ca;
	} cases[] = {
		{ "foreign", "ca.crt" }, /* of another authority */
		{ "good", "other.crt" },
		{ "good", NULL },     /* of none that the system trusts */
		{ "name", "ca.crt" }, /* of another server */
		{ "good", "nothing.crt" },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct answer answer;

		ask(cases[i].certificate, cases[i].ca, false, false, &answer);
		if (answer.status != 0 || answer.err.code != EAGAIN)
			fail_msg("case %zu: status %d", i, answer.status);
		if (!strstr(answer.err.text, "ertificate") &&
		        !strstr(answer.err.text, "does not match"))
			fail_msg("case %zu says: %s", i, answer.err.text);
	}
}

/* The server wants to know who asks. */
static void test_no_client_certificate(void **state)
{
	struct answer answer;

	(void)state;
	ask("good", "ca.crt", true, false, &answer);
	assert_int_equal(answer.status, 0);
}

static int make_directory(void **state)
{
	char command[2048];

	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/solodisk-tls.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(command, sizeof(command), make_certificates, directory);
	return system(command); /* NOLINT(cert-env33-c): of our own making */
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r '%s'", directory);
	return system(command); /* NOLINT(cert-env33-c): a path of our own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_client_certificate),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
