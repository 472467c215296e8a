/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"
#include "cleanup.h"
#include "server_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#define PATIENCE_S 5

static int parse_port(const char *text, in_port_t *ret)
{
	unsigned long port;
	char *end;

	errno = 0;
	port = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text < '0' || *text > '9' || port > 65535)
		return -EINVAL;
	*ret = htons((uint16_t)port);
	return 0;
}

int server_address_parse(
        const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct sd_error *err)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2];

	if (!colon || len == 0 || len >= sizeof(host) || parse_port(colon + 1, &v4.sin_port) < 0)
		return sd_error_set(err, EINVAL, "\"%s\" is not ADDRESS:PORT", text);
	memcpy(host, text, len);
	host[len] = '\0';
	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(ret, &v4, sizeof(v4));
		*ret_len = sizeof(v4);
		return 0;
	}
	v6.sin6_port = v4.sin_port;
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) == 1) {
			memcpy(ret, &v6, sizeof(v6));
			*ret_len = sizeof(v6);
			return 0;
		}
	}
	return sd_error_set(err, EINVAL,
	        "\"%s\" is not ADDRESS:PORT with a numeric address (an IPv6 one in brackets)",
	        text);
}

/* Who listens everywhere is asked on loopback. */
static void prefer_loopback(struct sockaddr_storage *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address->ss_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		if (v4.sin_addr.s_addr == htonl(INADDR_ANY))
			v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(address, &v4, sizeof(v4));
		return;
	}
	memcpy(&v6, address, sizeof(v6));
	if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
		v6.sin6_addr = in6addr_loopback;
	memcpy(address, &v6, sizeof(v6));
}

/* Until the end, or the buffer is full. */
static int read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len + 1 < size) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return 0;
}

static int ask(
        int fd, const struct sockaddr_storage *address, socklen_t len, char *buf, size_t size)
{
	static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	        connect(fd, (const struct sockaddr *)address, len) < 0 ||
	        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return read_all(fd, buf, size);
}

int server_probe(const char *address, struct sd_error *err)
{
	struct sockaddr_storage where;
	_cleanup_close_ int fd = -1;
	char answer[4096];
	const char *body;
	socklen_t len;
	int status, r;

	r = server_address_parse(address, &where, &len, err);
	if (r < 0)
		return r;
	prefer_loopback(&where);
	fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ? -errno : ask(fd, &where, len, answer, sizeof(answer));
	if (r < 0)
		return sd_error_errno(err, -r, "the agent at %s does not answer", address);
	if (sscanf(answer, "HTTP/1.%*d %d", &status) != 1)
		return sd_error_set(err, EPROTO, "what answers at %s is no agent", address);
	body = strstr(answer, "\r\n\r\n");
	if (status == 200)
		return 0;
	return sd_error_set(err, EIO, "%.*s", (int)strcspn(body ? body + 4 : "not well", "\n"),
	        body ? body + 4 : "not well");
}
