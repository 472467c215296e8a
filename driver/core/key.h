/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Key material: where it comes from and the memory it lies in. Its pages are locked, kept out of
 * core dumps, and wiped when freed. Nothing here is ever logged or put into an error text.
 */

#include "error.h"

#include <stddef.h>

#define SD_KEY_MIN_SIZE 32 /* bytes; a shorter one opens only what was made with Argon2id */
#define SD_KEY_MAX_SIZE 4096
#define SD_KEY_COMBINED_SIZE 64 /* of sd_key_combine() */

struct sd_key {
	unsigned char *data; /* NULL: none */
	size_t size;
};
#define SD_KEY_INIT     \
	{               \
		NULL, 0 \
	}

/* The SHA-256 of size bytes, 32 of them, by OpenSSL. */
int sd_key_sha256(const void *data, size_t size, unsigned char *ret, struct sd_error *err);

/* Protected memory of size bytes, zeroed; it may be more than SD_KEY_MAX_SIZE. */
int sd_key_alloc(size_t size, struct sd_key *ret, struct sd_error *err);
/* Copies size bytes into protected memory of its own. -EINVAL: more than SD_KEY_MAX_SIZE. */
int sd_key_copy(const void *data, size_t size, struct sd_key *ret, struct sd_error *err);
/* Decodes base64 (RFC 4648, as Kubernetes writes it). -EINVAL: not base64. */
int sd_key_from_base64(const char *text, struct sd_key *ret, struct sd_error *err);
/* The same of any length: a private key of TLS, a bundle of certificates. */
int sd_key_from_long_base64(const char *text, struct sd_key *ret, struct sd_error *err);
/*
 * After a fork, in the child: its copy of the key is locked in memory too, which a child does not
 * inherit (mlock(2)). That the pages stay out of core dumps it does inherit.
 */
void sd_key_lock(const struct sd_key *key);
/* Wipes and frees; may be called twice. */
void sd_key_free(struct sd_key *key);
#define _cleanup_key_ __attribute__((cleanup(sd_key_free)))

/*
 * Reads /etc/solodisk/keys/<name> (below the root prefix). The name is one path component. Refused
 * unless it is a regular file (no link) owned by root with mode 0400 or 0600, in directories that are
 * root's and that nobody else may write to. The whole content is the key, a newline at its end too.
 * -ENOENT: no such file.
 */
int sd_key_read_file(const char *name, struct sd_key *ret, struct sd_error *err);

/*
 * Two keys made one, of SD_KEY_COMBINED_SIZE bytes, so that neither opens anything alone: HKDF-SHA256
 * (RFC 5869, OpenSSL's) of first and second, each with its length before it as four bytes, big-endian.
 * Salt and info are constants; docs/security.md has them, and a test vector. The order counts.
 * -ELIBACC: libcrypto is not installed.
 */
int sd_key_combine(const struct sd_key *first, const struct sd_key *second, struct sd_key *ret,
        struct sd_error *err);
