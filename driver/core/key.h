/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Key material: where it comes from and the memory it lies in. Its pages are locked, kept out of
 * core dumps, and wiped when freed. Nothing here is ever logged or put into an error text.
 */

#include "error.h"

#include <stddef.h>

#define SD_KEY_MIN_SIZE 32 /* bytes; a shorter one is refused (DESIGN section 6) */
#define SD_KEY_MAX_SIZE 4096

struct sd_key {
	unsigned char *data; /* NULL: none */
	size_t size;
};
#define SD_KEY_INIT     \
	{               \
		NULL, 0 \
	}

/* Copies size bytes into protected memory of its own. */
int sd_key_copy(const void *data, size_t size, struct sd_key *ret, struct sd_error *err);
/* Decodes base64 (RFC 4648, as Kubernetes writes it). -EINVAL: not base64. */
int sd_key_from_base64(const char *text, struct sd_key *ret, struct sd_error *err);
/* Wipes and frees; may be called twice. */
void sd_key_free(struct sd_key *key);
#define _cleanup_key_ __attribute__((cleanup(sd_key_free)))

/*
 * Reads /etc/solodisk/keys/<name> (below the root prefix). The name is one path component. Refused
 * unless it is a regular file (no link) owned by root with mode 0400 or 0600. The whole content is
 * the key, a newline at its end too.
 */
int sd_key_read_file(const char *name, struct sd_key *ret, struct sd_error *err);
