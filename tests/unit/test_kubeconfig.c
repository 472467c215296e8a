/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cleanup.h"
#include "kubeconfig.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char directory[64], path[96];

static void write_at(const char *name, const char *text)
{
	char file[256];
	_cleanup_fclose_ FILE *f = NULL;

	(void)snprintf(file, sizeof(file), "%s/%s", directory, name);
	(void)unlink(file);
	f = fopen(file, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

#define HEAD                                                               \
	"apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n" \
	"- name: there\n  context: {cluster: other, user: other}\n"        \
	"- name: here\n  context:\n    cluster: mine\n    user: me\n    namespace: x\n"
#define CLUSTER(more)                                                                        \
	"clusters:\n- name: other\n  cluster: {server: \"https://other:1\"}\n- name: mine\n" \
	"  cluster:\n    server: https://10.0.0.1:6443/\n" more
#define USER(more) "users:\n- name: me\n  user:\n" more

/* As kubeadm, kubectl and kind write it. */
static void test_read(void **state)
{
	struct kubeconfig config = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	char expected[128];

	(void)state;
	write_at("config",
	        HEAD CLUSTER("    certificate-authority-data: Q0EK\n")
	                USER("    client-certificate: pki/me.crt\n"
	                     "    client-key: /abs/me.key\n"
	                     "    token: a-token\n"));
	assert_int_equal(kubeconfig_read(path, &config, &err), 0);
	assert_string_equal(config.server, "https://10.0.0.1:6443");
	assert_int_equal(config.ca.size, 3);
	assert_memory_equal(config.ca.data, "CA\n", 3);
	assert_null(config.ca_file);
	(void)snprintf(expected, sizeof(expected), "%s/pki/me.crt", directory);
	assert_string_equal(config.cert_file, expected);
	assert_string_equal(config.key_file, "/abs/me.key");
	assert_int_equal(config.token.size, 7);
	assert_memory_equal(config.token.data, "a-token", 7);
	kubeconfig_free(&config);
	kubeconfig_free(&config);
}

static void test_json(void **state)
{
	struct kubeconfig config = { 0 };
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	write_at("config",
	        "{\"current-context\":\"x\",\"contexts\":[{\"name\":\"x\",\"context\":"
	        "{\"cluster\":\"c\",\"user\":\"u\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":"
	        "{\"server\":\"https://[fd00::1]:443\",\"certificate-authority\":\"ca.crt\","
	        "\"insecure-skip-tls-verify\":false}}],"
	        "\"users\":[{\"name\":\"u\",\"user\":{\"client-certificate-data\":\"Q0VSVA==\","
	        "\"client-key-data\":\"S0VZ\"}}]}");
	assert_int_equal(kubeconfig_read(path, &config, &err), 0);
	assert_string_equal(config.server, "https://[fd00::1]:443");
	assert_memory_equal(config.cert.data, "CERT", 4);
	assert_memory_equal(config.key.data, "KEY", 3);
	assert_null(config.token.data);
	kubeconfig_free(&config);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "is not a kubeconfig" },
		{ "- a\n", "is not a kubeconfig" },
		{ "a: [\n", "line 2" },
		{ "apiVersion: v1\n", "current-context" },
		{ HEAD, "there are no clusters" },
		{ HEAD "clusters: []\n", "no cluster with the name \"mine\"" },
		{ HEAD "clusters: [{name: mine}]\n", "no cluster with the name \"mine\"" },
		{ HEAD CLUSTER(""), "there are no users" },
		{ HEAD CLUSTER("    insecure-skip-tls-verify: true\n") USER("    token: x\n"),
		        "insecure-skip-tls-verify" },
		{ HEAD CLUSTER("    proxy-url: http://p\n") USER("    token: x\n"), "proxy-url" },
		{ HEAD CLUSTER("    certificate-authority-data: Q0E\n") USER("    token: x\n"),
		        "certificate-authority-data" },
		{ HEAD CLUSTER("") USER("    exec: {command: aws}\n"), "\"exec\" is refused" },
		{ HEAD CLUSTER("") USER("    auth-provider: {name: gcp}\n"), "auth-provider" },
		{ HEAD CLUSTER("") USER("    username: me\n    password: HUSH\n"), "username" },
		{ HEAD CLUSTER("") USER("    as: root\n    token: HUSH\n"), "\"as\"" },
		{ HEAD CLUSTER("") USER("    token: \"HUSH HUSH\"\n"), "token" },
		{ HEAD CLUSTER("") USER("    token: \"HUSH\\r\\nHost: x\"\n"), "token" },
		{ HEAD CLUSTER("") USER("    tokenFile: nothing/here\n"), "nothing/here" },
	};
	static const char *const servers[] = { "http://10.0.0.1:80", "http://127.0.0.1.evil.org",
		"http://127.0.0.1@evil.org", "https://a:b@evil.org", "ftp://a", "10.0.0.1",
		"https://", "https:///", "https://a?b", "https://a b", "http://[::2]:80",
		"http://localhost.evil.org" };
	char text[1024];

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases) + SD_ARRAY_SIZE(servers); i++) {
		struct kubeconfig config = { 0 };
		struct sd_error err = SD_ERROR_INIT;
		size_t n = i - SD_ARRAY_SIZE(cases);

		(void)snprintf(text, sizeof(text),
		        HEAD "clusters:\n- name: mine\n  cluster: {server: \"%s\"}\n" USER(
		                "    token: x\n"),
		        i < SD_ARRAY_SIZE(cases) ? "" : servers[n]);
		write_at("config", i < SD_ARRAY_SIZE(cases) ? cases[i].text : text);
		if (kubeconfig_read(path, &config, &err) >= 0)
			fail_msg("it was not refused:\n%s", text);
		if (!strstr(err.text, i < SD_ARRAY_SIZE(cases) ? cases[i].says : "server"))
			fail_msg("case %zu says: %s", i, err.text);
		assert_non_null(strstr(err.text, directory));
		assert_null(strstr(err.text, "HUSH"));
		assert_null(config.server);
	}
}

static void test_loopback(void **state)
{
	static const char *const servers[] = { "http://127.0.0.1:8001", "http://127.9.9.9",
		"http://localhost:1", "http://[::1]:80" };
	char text[1024];

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(servers); i++) {
		struct kubeconfig config = { 0 };
		struct sd_error err = SD_ERROR_INIT;

		(void)snprintf(text, sizeof(text),
		        HEAD "clusters:\n- name: mine\n  cluster: {server: \"%s\"}\n" USER(
		                "    token: x\n"),
		        servers[i]);
		write_at("config", text);
		assert_int_equal(kubeconfig_read(path, &config, &err), 0);
		assert_string_equal(config.server, servers[i]);
		kubeconfig_free(&config);
	}
	{
		struct kubeconfig config = { 0 };
		struct sd_error err = SD_ERROR_INIT;

		assert_int_equal(kubeconfig_read("/nothing/here", &config, &err), -ENOENT);
	}
}

static void test_pod(void **state)
{
	static const char *const parts[] = { "/var", "/var/run", "/var/run/secrets",
		"/var/run/secrets/kubernetes.io", "/var/run/secrets/kubernetes.io/serviceaccount" };
	struct kubeconfig config = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	char dir[256];

	(void)state;
	sd_root_set(directory);
	(void)unsetenv("KUBERNETES_SERVICE_HOST");
	assert_int_equal(kubeconfig_of_pod(&config, &err), -ENOENT);
	assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1), 0);
	assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", "443", 1), 0);
	assert_int_equal(kubeconfig_of_pod(&config, &err), -ENOENT);
	for (size_t i = 0; i < SD_ARRAY_SIZE(parts); i++) {
		(void)snprintf(dir, sizeof(dir), "%s%s", directory, parts[i]);
		assert_int_equal(mkdir(dir, 0700), 0);
	}
	write_at("var/run/secrets/kubernetes.io/serviceaccount/token", "one\n");
	assert_int_equal(kubeconfig_of_pod(&config, &err), -ENOENT); /* no ca.crt */
	assert_non_null(strstr(err.text, "ca.crt"));
	write_at("var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "CA");
	assert_int_equal(kubeconfig_of_pod(&config, &err), 0);
	assert_string_equal(config.server, "https://[fd00::1]:443");
	assert_memory_equal(config.token.data, "one", 3);
	assert_int_equal(config.token.size, 3);

	/* It is read again when it is another one, and the old one stays while there is none. */
	assert_int_equal(kubeconfig_refresh(&config, &err), 0);
	write_at("var/run/secrets/kubernetes.io/serviceaccount/token", "another");
	assert_int_equal(kubeconfig_refresh(&config, &err), 1);
	assert_memory_equal(config.token.data, "another", 7);
	(void)unlink(config.token_file);
	assert_int_equal(kubeconfig_refresh(&config, &err), -ENOENT);
	write_at("var/run/secrets/kubernetes.io/serviceaccount/token", " \n");
	assert_int_equal(kubeconfig_refresh(&config, &err), -EINVAL);
	assert_memory_equal(config.token.data, "another", 7);

	kubeconfig_free(&config);
	sd_root_set("");
}

static int make_directory(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/solodisk-kubeconfig.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/config", directory);
	return 0;
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
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_pod),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
