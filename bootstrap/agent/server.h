/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The pages that the agent serves, by its event loop: /metrics and /healthz, nothing else; the only user of
 * libmicrohttpd. Without TLS and without a question who asks: so on loopback, unless told otherwise.
 */

#include "error.h"

#include <stddef.h>
#include <uv.h>

#define SERVER_ADDRESS "127.0.0.1:9095"

struct server;

struct server_pages {
	/* The text of /metrics; free()d. NULL: no memory. */
	char *(*metrics)(void *data);
	/* 0: well. Else less than 0, and err is the reason, shown to whoever asks. */
	int (*health)(void *data, struct sd_error *err);
	void *data;
};

/*
 * address: ADDRESS:PORT with a numeric address, an IPv6 one in brackets; "[::]:9095" is all. -EINVAL: it is
 * not that; -EADDRINUSE and others: it cannot be had.
 */
int server_open(uv_loop_t *loop, const char *address, const struct server_pages *pages,
        struct server **ret, struct sd_error *err);
/* Its handles, and with them its memory, are the loop's to close. NULL is fine. */
void server_close(struct server *server);

/*
 * Asks the agent at this address how it is, and waits for at most five seconds. 0: well; -EIO, and
 * err has its reason: not; another error: it does not answer. For an address of "all" loopback is asked.
 */
int server_probe(const char *address, struct sd_error *err);
