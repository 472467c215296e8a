/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * An HTTP server of a test's own, in its event loop: a script says what each request must look like, and
 * what is sent back, in pieces, each after a while. The requests come in the script's order, over as many
 * connections as they like.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define FAKE_PIECES 6
#define FAKE_CONNECTIONS 16

struct fake_step {
	const char *wants[4]; /* each is in the request */
	struct {
		const char *text; /* "": nothing is sent, only time passes */
		size_t repeat;    /* so often; 0: once */
		unsigned after_ms;
	} pieces[FAKE_PIECES];
	bool is_cut; /* the connection is closed then; else it is kept */
};

struct fake_server;

struct fake_connection {
	struct fake_server *server;
	uv_tcp_t tcp;
	uv_timer_t timer;
	char in[65536];
	size_t len;
	const struct fake_step *step;
	size_t piece;
	unsigned open_handles;
};

struct fake_server {
	uv_loop_t *loop;
	uv_tcp_t listener;
	int port;
	const struct fake_step *steps;
	size_t n_steps, at;
	struct fake_connection *connections[FAKE_CONNECTIONS];
	size_t n_connections;
	char last[65536]; /* the last request, whole */
	uint64_t last_time;
};

static void fake_on_closed(uv_handle_t *handle)
{
	struct fake_connection *connection = handle->data;

	if (--connection->open_handles == 0)
		free(connection);
}

static void fake_hang_up(struct fake_connection *connection)
{
	struct fake_server *server = connection->server;

	for (size_t i = 0; i < server->n_connections; i++)
		if (server->connections[i] == connection)
			server->connections[i] = server->connections[--server->n_connections];
	if (uv_is_closing((uv_handle_t *)&connection->tcp))
		return;
	uv_close((uv_handle_t *)&connection->tcp, fake_on_closed);
	uv_close((uv_handle_t *)&connection->timer, fake_on_closed);
}

static void fake_on_written(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
	free(write);
}

static void fake_send(struct fake_connection *connection, const char *text, size_t repeat)
{
	size_t one = strlen(text), len = one * (repeat ? repeat : 1);
	uv_write_t *write = malloc(sizeof(*write));
	uv_buf_t buf = uv_buf_init(malloc(len + 1), (unsigned)len);

	for (size_t i = 0; i < len; i += one ? one : 1)
		memcpy(buf.base + i, text, one);
	write->data = buf.base;
	if (len == 0 || uv_write(write, (uv_stream_t *)&connection->tcp, &buf, 1, fake_on_written))
		fake_on_written(write, 0);
}

static void fake_go_on(uv_timer_t *timer)
{
	struct fake_connection *connection = timer->data;
	const struct fake_step *step = connection->step;
	size_t i = connection->piece;

	if (i < FAKE_PIECES && step->pieces[i].text) {
		fake_send(connection, step->pieces[i].text, step->pieces[i].repeat);
		connection->piece++;
		i++;
	}
	if (i < FAKE_PIECES && step->pieces[i].text)
		(void)uv_timer_start(timer, fake_go_on, step->pieces[i].after_ms, 0);
	else if (step->is_cut)
		fake_hang_up(connection);
}

/* Whether a whole request is in; then it is the server's last one. */
static bool fake_take_request(struct fake_connection *connection)
{
	const char *end, *length;
	size_t body = 0, len;

	connection->in[connection->len] = '\0';
	end = strstr(connection->in, "\r\n\r\n");
	if (!end)
		return false;
	length = strstr(connection->in, "Content-Length: ");
	if (length && length < end)
		body = (size_t)atol(length + 16);
	len = (size_t)(end - connection->in) + 4 + body;
	if (connection->len < len)
		return false;
	memcpy(connection->server->last, connection->in, len);
	connection->server->last[len] = '\0';
	connection->server->last_time = uv_hrtime() / 1000000;
	memmove(connection->in, connection->in + len, connection->len - len);
	connection->len -= len;
	return true;
}

static void fake_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct fake_connection *connection = stream->data;
	struct fake_server *server = connection->server;

	(void)buf;
	if (n < 0) {
		fake_hang_up(connection);
		return;
	}
	connection->len += (size_t)n;
	if (!fake_take_request(connection))
		return;
	if (server->at >= server->n_steps) {
		fake_hang_up(connection);
		return;
	}
	connection->step = &server->steps[server->at++];
	connection->piece = 0;
	for (size_t i = 0; i < 4 && connection->step->wants[i]; i++) {
		if (!strstr(server->last, connection->step->wants[i]))
			fail_msg("step %zu wants \"%s\", and the request is:\n%s", server->at,
			        connection->step->wants[i], server->last);
	}
	(void)uv_timer_start(
	        &connection->timer, fake_go_on, connection->step->pieces[0].after_ms, 0);
}

static void fake_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
	struct fake_connection *connection = handle->data;

	(void)wanted;
	*ret = uv_buf_init(connection->in + connection->len,
	        (unsigned)(sizeof(connection->in) - 1 - connection->len));
}

static void fake_on_connection(uv_stream_t *listener, int status)
{
	struct fake_server *server = listener->data;
	struct fake_connection *connection = calloc(1, sizeof(*connection));

	(void)status;
	connection->server = server;
	connection->open_handles = 2;
	(void)uv_tcp_init(server->loop, &connection->tcp);
	(void)uv_timer_init(server->loop, &connection->timer);
	connection->tcp.data = connection->timer.data = connection;
	if (uv_accept(listener, (uv_stream_t *)&connection->tcp) < 0 ||
	        server->n_connections == FAKE_CONNECTIONS)
		fail_msg("too many connections");
	server->connections[server->n_connections++] = connection;
	(void)uv_read_start((uv_stream_t *)&connection->tcp, fake_room, fake_on_read);
}

static void fake_listen(struct fake_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)server->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int len = sizeof(address);

	(void)uv_tcp_init(server->loop, &server->listener);
	server->listener.data = server;
	assert_int_equal(uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 8, fake_on_connection), 0);
	(void)uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len);
	server->port = ntohs(address.sin_port);
}

/* No new connections, and those that are there end. */
static void fake_stop(struct fake_server *server)
{
	while (server->n_connections > 0)
		fake_hang_up(server->connections[0]);
	if (!uv_is_closing((uv_handle_t *)&server->listener))
		uv_close((uv_handle_t *)&server->listener, NULL);
}

static void fake_on_tick(uv_timer_t *tick)
{
	(*(unsigned *)tick->data)++;
}

/* Runs the loop until *is_done, for at most a minute. A tick wakes it, since timers end no turn of it. */
static void fake_run_until(uv_loop_t *loop, const bool *is_done)
{
	unsigned ticks = 0;
	uv_timer_t tick;

	(void)uv_timer_init(loop, &tick);
	tick.data = &ticks;
	(void)uv_timer_start(&tick, fake_on_tick, 10, 10);
	while (!*is_done && ticks < 6000)
		(void)uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&tick, NULL);
	(void)uv_run(loop, UV_RUN_NOWAIT);
	if (!*is_done)
		fail_msg("it did not happen within a minute");
}
