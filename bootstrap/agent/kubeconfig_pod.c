/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kubeconfig_private.h"
#include "cleanup.h"
#include "root.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_MAX 65536

void kubeconfig_free(struct kubeconfig *config)
{
	free(config->server);
	free(config->ca_file);
	free(config->cert_file);
	free(config->key_file);
	free(config->token_file);
	sd_key_free(&config->ca);
	sd_key_free(&config->cert);
	sd_key_free(&config->key);
	sd_key_free(&config->token);
	*config = (struct kubeconfig){ 0 };
}

static bool is_loopback(const char *host, size_t len)
{
	struct in_addr address;
	char text[64];

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (strcmp(text, "localhost") == 0 || strcmp(text, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* Of HOST[:PORT]; an IPv6 address is in brackets. */
static size_t host_length(const char *rest)
{
	return rest[0] == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
}

int kubeconfig_set_server(struct kubeconfig *config, const char *server, struct sd_error *err)
{
	size_t len = strlen(server);
	const char *rest;

	while (len > 0 && server[len - 1] == '/')
		len--;
	if (strncmp(server, "https://", 8) == 0) {
		rest = server + 8;
	} else if (strncmp(server, "http://", 7) == 0) {
		rest = server + 7;
		if (!is_loopback(rest, host_length(rest)))
			return sd_error_set(err, EINVAL,
			        "the server %.*s is refused: without TLS only this machine is "
			        "asked",
			        (int)host_length(rest), rest);
	} else {
		return sd_error_set(err, EINVAL, "the server must be https://HOST[:PORT]");
	}
	/* A user before the host would make another host of it. */
	if (strpbrk(rest, "@?#\\ \t\r\n") || host_length(rest) == 0 || rest >= server + len)
		return sd_error_set(err, EINVAL, "the server must be https://HOST[:PORT]");
	config->server = strndup(server, len);
	return config->server ? 0 : sd_error_set(err, ENOMEM, "out of memory");
}

int kubeconfig_set_token(
        struct kubeconfig *config, const char *text, size_t len, struct sd_error *err)
{
	struct sd_key token = SD_KEY_INIT;
	int r;

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	while (len > 0 && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	if (len == 0)
		return sd_error_set(err, EINVAL, "the token is empty");
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] == 0x7f)
			return sd_error_set(
			        err, EINVAL, "the token has a character that no token has");
	r = sd_key_alloc(len, &token, err);
	if (r < 0)
		return r;
	memcpy(token.data, text, len);
	sd_key_free(&config->token);
	config->token = token;
	return 0;
}

static bool is_same_file(const struct kubeconfig *config, const struct stat *st)
{
	return config->token.data && config->token_inode == st->st_ino &&
	        config->token_changed.tv_sec == st->st_mtim.tv_sec &&
	        config->token_changed.tv_nsec == st->st_mtim.tv_nsec;
}

static int read_token(struct kubeconfig *config, int fd, struct sd_error *err)
{
	_cleanup_key_ struct sd_key text = SD_KEY_INIT;
	ssize_t n;
	int r;

	r = sd_key_alloc(TOKEN_MAX, &text, err);
	if (r < 0)
		return r;
	n = read(fd, text.data, TOKEN_MAX);
	if (n < 0)
		return sd_error_errno(err, errno, "cannot read it");
	if (n == TOKEN_MAX)
		return sd_error_set(err, EFBIG, "it is too long");
	return kubeconfig_set_token(config, (const char *)text.data, (size_t)n, err);
}

int kubeconfig_refresh(struct kubeconfig *config, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (!config->token_file)
		return 0;
	if (stat(config->token_file, &st) == 0 && is_same_file(config, &st))
		return 0;
	fd = open(config->token_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(
		        err, errno, "cannot open the token's file %s", config->token_file);
	r = read_token(config, fd, err);
	if (r < 0)
		return sd_error_wrap(err, "the token's file %s", config->token_file);
	config->token_changed = st.st_mtim;
	config->token_inode = st.st_ino;
	return 1;
}

static int set_path(char **ret, const char *name, struct sd_error *err)
{
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), ACCOUNT "/%s", name) < 0)
		return sd_error_set(
		        err, ENAMETOOLONG, "the path of the service account is too long");
	*ret = strdup(path);
	return *ret ? 0 : sd_error_set(err, ENOMEM, "out of memory");
}

int kubeconfig_of_pod(struct kubeconfig *ret, struct sd_error *err)
{
	_cleanup_(kubeconfig_free) struct kubeconfig config = { 0 };
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
	           *port = getenv("KUBERNETES_SERVICE_PORT");
	_cleanup_free_ char *server = NULL;
	int r;

	if (!host || !port || !*host || !*port)
		return sd_error_set(err, ENOENT,
		        "this is no pod (KUBERNETES_SERVICE_HOST and _PORT are not set): name a "
		        "kubeconfig");
	if (asprintf(&server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port) <
	        0) {
		server = NULL;
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	r = kubeconfig_set_server(&config, server, err);
	if (r == 0)
		r = set_path(&config.ca_file, "ca.crt", err);
	if (r == 0)
		r = set_path(&config.token_file, "token", err);
	if (r == 0)
		r = kubeconfig_refresh(&config, err);
	if (r < 0)
		return sd_error_wrap(err, "the pod's service account");
	if (access(config.ca_file, R_OK) < 0)
		return sd_error_errno(err, errno, "the pod's service account: %s", config.ca_file);
	*ret = config;
	config = (struct kubeconfig){ 0 };
	return 0;
}
