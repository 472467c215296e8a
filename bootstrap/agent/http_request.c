/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http_library.h"
#include "cleanup.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_MS 10000L
#define IDLE_S 30L    /* then the peer is asked whether it is still there */
#define DEAD_MS 30000 /* and what it does not acknowledge for so long has lost it */
#define BUFFER_SIZE 16384L

void http_headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *header = headers; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	http_curl.curl_slist_free_all(headers);
}

static void free_easy(CURL *easy)
{
	http_curl.curl_easy_cleanup(easy);
}
DEFINE_CLEANUP(CURL *, free_easy)

DEFINE_CLEANUP(struct curl_slist *, http_headers_free)

static int add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = http_curl.curl_slist_append(*headers, line);

	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

static int add_token(struct curl_slist **headers, const struct sd_key *token, struct sd_error *err)
{
	static const char name[] = "Authorization: Bearer ";
	_cleanup_key_ struct sd_key line = SD_KEY_INIT;
	int r;

	r = sd_key_alloc(sizeof(name) + token->size, &line, err);
	if (r < 0)
		return r;
	(void)snprintf((char *)line.data, line.size, "%s%.*s", name, (int)token->size,
	        (const char *)token->data);
	return add_header(headers, (const char *)line.data);
}

static int make_headers(struct kubeconfig *credentials, const struct http_what *what,
        struct curl_slist **ret, struct sd_error *err)
{
	_cleanup_(http_headers_free_cleanup) struct curl_slist *headers = NULL;
	char type[128];
	int r;

	/* "Expect" would cost a round trip before a long body. */
	r = add_header(&headers, "Accept: application/json");
	if (r == 0)
		r = add_header(&headers, "Expect:");
	if (r == 0 && what->body) {
		(void)snprintf(type, sizeof(type), "Content-Type: %s", what->type);
		r = add_header(&headers, type);
	}
	if (r == 0 && credentials->token.data)
		r = add_token(&headers, &credentials->token, err);
	if (r < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	*ret = sd_steal(headers);
	return 0;
}

/* The agent's children do not inherit it, and a peer that vanished is noticed. */
static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	unsigned dead = DEAD_MS;
	int fd;

	(void)data;
	(void)purpose;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
	return fd;
}

/* What libcurl allocates is malloc()'s: http_library.c gives it that. */
char *http_escape(const char *text)
{
	return http_curl.curl_easy_escape(NULL, text, 0);
}

#define SET(easy, option, value) (http_curl.curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_blob(CURL *easy, CURLoption option, const struct sd_key *pem)
{
	struct curl_blob blob = { .data = pem->data, .len = pem->size, .flags = CURL_BLOB_NOCOPY };

	return !pem->data || SET(easy, option, &blob);
}

/* Only the cluster's own authority counts where it is known: not those that the system trusts too. */
static bool set_tls(CURL *easy, const struct kubeconfig *credentials)
{
	bool has_ca = credentials->ca_file || credentials->ca.data;

	return SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) && SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
	        SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	        (!has_ca || SET(easy, CURLOPT_CAPATH, NULL)) &&
	        (!has_ca || SET(easy, CURLOPT_CAINFO, credentials->ca_file)) &&
	        set_blob(easy, CURLOPT_CAINFO_BLOB, &credentials->ca) &&
	        (!credentials->cert_file || SET(easy, CURLOPT_SSLCERT, credentials->cert_file)) &&
	        set_blob(easy, CURLOPT_SSLCERT_BLOB, &credentials->cert) &&
	        (!credentials->key_file || SET(easy, CURLOPT_SSLKEY, credentials->key_file)) &&
	        set_blob(easy, CURLOPT_SSLKEY_BLOB, &credentials->key);
}

/* Not CURLOPT_NOSIGNAL: without it libcurl keeps SIGPIPE away while it works, and sets no other. */
static bool set_connection(CURL *easy, const struct http_what *what)
{
	return SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") && SET(easy, CURLOPT_PROXY, "") &&
	        SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	        SET(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE) &&
	        SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) &&
	        SET(easy, CURLOPT_TCP_KEEPALIVE, 1L) && SET(easy, CURLOPT_TCP_KEEPIDLE, IDLE_S) &&
	        SET(easy, CURLOPT_TCP_KEEPINTVL, IDLE_S / 3) &&
	        SET(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) &&
	        SET(easy, CURLOPT_TIMEOUT_MS, (long)what->limit_ms);
}

static bool set_body(CURL *easy, const struct http_what *what)
{
	return SET(easy, CURLOPT_CUSTOMREQUEST, what->method) &&
	        (!what->body ||
	                (SET(easy, CURLOPT_POSTFIELDS, what->body) &&
	                        SET(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(what->body))));
}

int http_request_make(struct kubeconfig *credentials, const struct http_what *what, CURL **ret,
        struct curl_slist **ret_headers, struct sd_error *err)
{
	_cleanup_(http_headers_free_cleanup) struct curl_slist *headers = NULL;
	_cleanup_(free_easy_cleanup) CURL *easy = http_curl.curl_easy_init();
	_cleanup_free_ char *url = NULL;
	int r;

	if (!easy || asprintf(&url, "%s%s", credentials->server, what->path) < 0) {
		url = NULL;
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	r = make_headers(credentials, what, &headers, err);
	if (r < 0)
		return r;
	if (!SET(easy, CURLOPT_URL, url) || !SET(easy, CURLOPT_USERAGENT, "solodisk/" SD_VERSION) ||
	        !SET(easy, CURLOPT_HTTPHEADER, headers) || !set_tls(easy, credentials) ||
	        !set_connection(easy, what) || !set_body(easy, what))
		return sd_error_set(err, EINVAL, "libcurl on this node cannot do what is needed");
	*ret = sd_steal(easy);
	*ret_headers = sd_steal(headers);
	return 0;
}
