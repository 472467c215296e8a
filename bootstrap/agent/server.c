/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"
#include "cleanup.h"
#include "library.h"
#include "server_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#define MHD_FUNCTIONS(f)                                                     \
	f(MHD_start_daemon) f(MHD_stop_daemon) f(MHD_run) f(MHD_get_timeout) \
	        f(MHD_get_daemon_info) f(MHD_create_response_from_buffer)    \
	                f(MHD_add_response_header) f(MHD_queue_response) f(MHD_destroy_response)

static struct {
	MHD_FUNCTIONS(SD_LIBRARY_MEMBER)
} mhd;

#define CONNECTIONS 8u
#define CONNECTION_MEMORY 8192ul
#define IDLE_S 10u
#define LATEST_MS 1000

struct server {
	struct MHD_Daemon *daemon;
	struct server_pages pages;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
};

static enum MHD_Result answer(
        struct MHD_Connection *connection, unsigned status, const char *type, char *text)
{
	struct MHD_Response *response;
	enum MHD_Result r;

	if (!text)
		return MHD_NO;
	response = mhd.MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	(void)mhd.MHD_add_response_header(response, "Content-Type", type);
	r = mhd.MHD_queue_response(connection, status, response);
	mhd.MHD_destroy_response(response);
	return r;
}

static enum MHD_Result answer_health(struct server *server, struct MHD_Connection *connection)
{
	struct sd_error err = SD_ERROR_INIT;
	char *text;

	if (server->pages.health(server->pages.data, &err) == 0)
		return answer(connection, MHD_HTTP_OK, "text/plain", strdup("well\n"));
	if (asprintf(&text, "%s\n", err.text) < 0)
		text = NULL;
	return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", text);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
        const char *method, const char *version, const char *upload, size_t *upload_size,
        void **state)
{
	struct server *server = data;

	(void)version;
	(void)upload;
	(void)state;
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
		        strdup("only GET\n"));
	if (strcmp(url, "/healthz") == 0)
		return answer_health(server, connection);
	if (strcmp(url, "/metrics") == 0)
		return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4",
		        server->pages.metrics(server->pages.data));
	return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain",
	        strdup("there are /metrics and /healthz\n"));
}

static void on_timer(uv_timer_t *timer);

/* Its own timeouts are seconds; without a connection there are none. */
static void serve(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;

	(void)mhd.MHD_run(server->daemon);
	if (mhd.MHD_get_timeout(server->daemon, &ms) == MHD_YES)
		(void)uv_timer_start(&server->timer, on_timer, ms < LATEST_MS ? ms : LATEST_MS, 0);
	else
		(void)uv_timer_stop(&server->timer);
}

static void on_timer(uv_timer_t *timer)
{
	serve(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	serve(poll->data);
}

static int listen_at(const char *address, struct sd_error *err)
{
	struct sockaddr_storage where;
	_cleanup_close_ int fd = -1;
	const int yes = 1;
	socklen_t len;
	int r;

	r = server_address_parse(address, &where, &len, err);
	if (r < 0)
		return r;
	fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	        bind(fd, (const struct sockaddr *)&where, len) < 0 || listen(fd, 16) < 0)
		return sd_error_errno(err, errno, "cannot serve at %s", address);
	return sd_steal_fd(fd);
}

static int start_daemon(struct server *server, int fd, struct sd_error *err)
{
	static const char *const names[] = { MHD_FUNCTIONS(SD_LIBRARY_NAME) };
	int r;

	r = sd_library_load("libmicrohttpd.so.12", names, SD_ARRAY_SIZE(names), &mhd, err);
	if (r < 0)
		return r;
	server->daemon = mhd.MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, server,
	        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
	return server->daemon ? 0 : sd_error_set(err, EIO, "the server cannot be started");
}

static void on_closed(uv_handle_t *handle)
{
	struct server *server = handle->data;

	if (--server->open_handles == 0)
		free(server);
}

void server_close(struct server *server)
{
	if (!server || uv_is_closing((uv_handle_t *)&server->timer))
		return;
	uv_close((uv_handle_t *)&server->timer, on_closed);
	uv_close((uv_handle_t *)&server->poll, on_closed);
	mhd.MHD_stop_daemon(server->daemon);
}

/* Without threads the daemon is one descriptor, ready when there is something to do. */
static int watch_daemon(uv_loop_t *loop, struct server *server, struct sd_error *err)
{
	const union MHD_DaemonInfo *info =
	        mhd.MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r;

	r = info ? uv_poll_init(loop, &server->poll, info->epoll_fd) : UV_ENOTSUP;
	if (r < 0)
		return sd_error_errno(err, -r, "the server cannot be started");
	(void)uv_timer_init(loop, &server->timer);
	server->poll.data = server->timer.data = server;
	server->open_handles = 2;
	r = uv_poll_start(&server->poll, UV_READABLE, on_ready);
	return r < 0 ? sd_error_errno(err, -r, "the server cannot be started") : 0;
}

int server_open(uv_loop_t *loop, const char *address, const struct server_pages *pages,
        struct server **ret, struct sd_error *err)
{
	struct server *server = calloc(1, sizeof(*server));
	int fd, r;

	if (!server)
		return sd_error_set(err, ENOMEM, "out of memory");
	server->pages = *pages;
	fd = listen_at(address, err);
	r = fd < 0 ? fd : start_daemon(server, fd, err);
	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		free(server);
		return r;
	}
	r = watch_daemon(loop, server, err); /* fd is the daemon's now */
	if (r < 0 && server->open_handles == 0) {
		mhd.MHD_stop_daemon(server->daemon);
		free(server);
	} else if (r < 0) {
		server_close(server);
	} else {
		*ret = server;
	}
	return r;
}
