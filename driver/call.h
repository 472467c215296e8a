/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One call of the driver as the worker sees it: the request that the front hands over on fd 0, and the
 * answer that goes back on fd 3 (docs/design.md, "Front and worker").
 */

#include "config.h"
#include "error.h"
#include "json.h"
#include "options.h"

#include <stdbool.h>

#define SD_CALL_ARGS_MAX 8

struct sd_call {
	bool undo;         /* take back what the call with this token left half-done */
	const char *token; /* names the call in the volume's record */
	const char *verb;
	const char *args[SD_CALL_ARGS_MAX]; /* behind the verb */
	int n_args;
	struct sd_config config;
	char *memory; /* what the pointers point into; wiped when freed */
	size_t used;
};

/* The answer of a call. Verbs add fields (device, capabilities ...) and may leave a message. */
struct sd_answer {
	sd_json *json; /* "status" stands first in it */
	char message[1200];
};

/* Reads the request. -EINVAL: not a request of the front, or one larger than 1 MiB. */
int sd_call_read(struct sd_call *ret, struct sd_error *err);
void sd_call_free(struct sd_call *call);

/*
 * Sends the one answer: 'S', 'F' or 'N' and the JSON line. -EPIPE: the front has already answered
 * for us (its time was up), so what the call did must be taken back.
 */
int sd_call_answer(char status, struct sd_answer *answer, struct sd_error *err);

/* Whether the front is gone, so that going on is useless. */
bool sd_call_is_abandoned(void);

/* The call's argument n as options, or as a directory: absolute, no "..", printable, valid UTF-8. */
int sd_call_options(
        const struct sd_call *call, int n, struct sd_options *ret, struct sd_error *err);
int sd_call_directory(
        const struct sd_call *call, int n, char *ret_path, size_t size, struct sd_error *err);
