/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A JSON file that a person writes, read as a whole; place.h checks what is in it. */

#include "error.h"
#include "json.h"

#include <stddef.h>

struct document {
	char *name; /* for error texts: its path */
	char *text;
	size_t len;
	sd_json *json;
};

/*
 * Reads a file of at most 1 MiB. -EPERM: it is not root's (nor the caller's own), or others
 * may write to it: what it says is done as root. -EINVAL: not JSON. -ENOENT: no such file.
 */
int document_read(const char *path, struct document *ret, struct sd_error *err);
/* The same of a text. */
int document_parse(
        const char *name, const char *text, size_t len, struct document *ret, struct sd_error *err);
void document_free(struct document *document); /* may be called twice */
#define _cleanup_document_ __attribute__((cleanup(document_free)))
