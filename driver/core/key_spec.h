/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where a volume's key comes from, as a PersistentVolume's "key" option and --key spell it:
 *
 *	secret:<name>    a value of the Secret that the call carries
 *	file:<name>      /etc/solodisk/keys/<name>
 *	token            a LUKS2 token of the volume itself (TPM2, Clevis)
 *	both:<a>,<b>     two of these made one (sd_key_combine), in this order
 */

#include "error.h"
#include "key.h"

#include <stdbool.h>

enum sd_key_kind {
	SD_KEY_SECRET,
	SD_KEY_FILE,
	SD_KEY_TOKEN,
};

struct sd_key_part {
	enum sd_key_kind kind;
	char *name; /* NULL: a token has none */
};

struct sd_key_spec {
	struct sd_key_part part[2];
	size_t n; /* 0: no key is named, 2: both: */
};

/* -EINVAL: not one of the above. Free with sd_key_spec_free(), which may be called twice. */
int sd_key_spec_parse(const char *text, struct sd_key_spec *ret, struct sd_error *err);
void sd_key_spec_free(struct sd_key_spec *spec);
#define _cleanup_key_spec_ __attribute__((cleanup(sd_key_spec_free)))

/* Whether a part of it is of that kind. */
bool sd_key_spec_has(const struct sd_key_spec *spec, enum sd_key_kind kind);

/* A name that is one path component, no dot name, and may be a key in a Secret. */
bool sd_key_name_is_valid(const char *name);

/*
 * Who gives the parts that are not files; NULL: nobody can here, which is -ENOKEY. secret: -ENOKEY if
 * the Secret has no such key. token: alone tells whether the token's secret is the whole key or, in
 * both:, a part of it (sd_crypt_token_key).
 */
struct sd_key_givers {
	int (*secret)(void *data, const char *name, struct sd_key *ret, struct sd_error *err);
	int (*token)(void *data, bool alone, struct sd_key *ret, struct sd_error *err);
	void *data;
};

enum sd_key_version {
	SD_KEY_CURRENT,
	SD_KEY_PREVIOUS, /* <name>.previous of each part that has one, while a key is being rolled */
};

/*
 * The key. *ret is the caller's. -ENOKEY: a part is not there (err says where it was looked for); for
 * SD_KEY_PREVIOUS: no part has a previous one. -EINVAL: a part of both: is shorter than SD_KEY_MIN_SIZE.
 */
int sd_key_spec_read(const struct sd_key_spec *spec, const struct sd_key_givers *givers,
        enum sd_key_version version, struct sd_key *ret, struct sd_error *err);
