/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For kubeconfig*.c alone. */

#include "kubeconfig.h"

/* Refused: what is neither https nor http to a loopback address, and what is more than host and port. */
int kubeconfig_set_server(struct kubeconfig *config, const char *server, struct sd_error *err);
/* White space around it is not part of it. Refused: what cannot stand in a header. */
int kubeconfig_set_token(
        struct kubeconfig *config, const char *text, size_t len, struct sd_error *err);
