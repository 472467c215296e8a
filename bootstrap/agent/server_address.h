/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For server*.c alone. */

#include "error.h"

#include <sys/socket.h>

/* Of ADDRESS:PORT, as server_open() takes it. */
int server_address_parse(
        const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct sd_error *err);
