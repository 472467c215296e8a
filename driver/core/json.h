/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * JSON, and the only user of jansson. What is freed is wiped first (secrets pass through here), so
 * sd_json_init() comes before anything else. Values are reference counted as in jansson; the
 * setters take over the reference that they are given, also when they fail.
 */

#include "error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct json_t sd_json;

void sd_json_init(void);

/*
 * Parses one document of len bytes that must be an object. Refused with -EINVAL, err naming line and
 * column: anything behind it, duplicate keys, NUL in strings, nesting deeper than 64, invalid UTF-8.
 * The error text never quotes the input, which may hold a secret. *ret is the caller's (sd_json_free).
 */
int sd_json_parse(const char *text, size_t len, sd_json **ret, struct sd_error *err);

/*
 * The text of an open file of at most 1 MiB, with a NUL behind it; path is for error texts. *ret is the
 * caller's (free).
 */
int sd_json_read_text(int fd, const char *path, char **ret, size_t *ret_len, struct sd_error *err);

/* As sd_json_parse(), from a file of at most 1 MiB. -ENOENT: no such file. */
int sd_json_load(const char *path, sd_json **ret, struct sd_error *err);

sd_json *sd_json_again(sd_json *json); /* one more reference, for the caller; NULL is fine */
void sd_json_free(sd_json *json);      /* drops a reference; NULL is fine */
static inline void sd_json_cleanup(sd_json **json)
{
	sd_json_free(*json);
}
#define _cleanup_json_ __attribute__((cleanup(sd_json_cleanup)))

/* One line of JSON text with keys in the order they were set. Returns NULL without memory; free(). */
char *sd_json_line(const sd_json *json);
/* The same, indented for a person. */
char *sd_json_pretty(const sd_json *json);

/* Building. NULL values are skipped by sd_json_set_string(). All return 0 or -ENOMEM. */
sd_json *sd_json_object(void);
sd_json *sd_json_array(void);
sd_json *sd_json_string(const char *value);
int sd_json_set(sd_json *object, const char *key, sd_json *value);
int sd_json_set_string(sd_json *object, const char *key, const char *value);
int sd_json_set_int(sd_json *object, const char *key, int64_t value);
int sd_json_set_bool(sd_json *object, const char *key, int value);
int sd_json_set_null(sd_json *object, const char *key);
int sd_json_append(sd_json *array, sd_json *value);

/*
 * Reading. The first three return 1 when the key is there and of the type (*ret set; a string or
 * value belongs to the object), 0 when it is absent, -EINVAL (err names the key) when of another type.
 */
int sd_json_get_string(
        const sd_json *object, const char *key, const char **ret, struct sd_error *err);
int sd_json_get_bool(const sd_json *object, const char *key, int *ret, struct sd_error *err);
int sd_json_get_int(const sd_json *object, const char *key, int64_t *ret, struct sd_error *err);
sd_json *sd_json_get(const sd_json *object, const char *key); /* NULL: absent; borrowed */
const char *sd_json_as_string(const sd_json *value);          /* NULL: not a string; borrowed */
/* These two return 1 when it is of that type (*ret set), else 0. */
int sd_json_as_bool(const sd_json *value, int *ret);
int sd_json_as_int(const sd_json *value, int64_t *ret);
int sd_json_is_text(const char *text); /* whether it is valid UTF-8, so that JSON can carry it */
int sd_json_is_object(const sd_json *value);
int sd_json_is_array(const sd_json *value);
size_t sd_json_size(const sd_json *array);
sd_json *sd_json_at(const sd_json *array, size_t index); /* borrowed */

/* Calls f for each key of an object, in the order of the text, until it returns non-zero; returns that, or 0. */
int sd_json_each(const sd_json *object,
        int (*f)(const char *key, const sd_json *value, void *data, struct sd_error *err),
        void *data, struct sd_error *err);
