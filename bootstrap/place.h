/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The places in a document: it is checked by tables of its keys, and every error names file, line and key
 * ("config.json: line 12: pools[1].disks[0].wwid: ..."). Values are borrowed from the document, which must
 * outlive them.
 */

#include "document.h"
#include "error.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value and where it stands. Lives on the stack of whoever walks down to it. */
struct place {
	const struct document *document;
	const struct place *up; /* NULL: the whole document */
	const sd_json *value;
	const char *key; /* NULL: it is in an array */
	size_t index;    /* its number in the object or array above, from 0 */
};

/* The document's own object. */
struct place place_top(const struct document *document);

/* Notes that something is wrong there. Returns -EINVAL. */
int place_error(const struct place *at, struct sd_error *err, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The line of the place, from 1. */
unsigned place_line(const struct place *at);

/* A key of an object. take puts the value into the object that is being filled. */
struct place_key {
	const char *name;
	int (*take)(const struct place *at, void *object, struct sd_error *err);
	bool required;
};

/* The value is an object of these keys and no other; each one's take is called, in their order there. */
int place_object(const struct place *at, const struct place_key *keys, size_t n, void *object,
        struct sd_error *err);

/* The value is an array of 1 to max items; take is called for each. */
int place_array(const struct place *at, size_t max,
        int (*take)(const struct place *at, void *object, struct sd_error *err), void *object,
        struct sd_error *err);

/*
 * Single values. A string has 1 to max bytes and no control characters. A word is one of n, *ret its
 * index. A number is from 0 to 2^53. A size is in bytes: a number, or a string such as "100Gi" or "2T".
 */
int place_string(const struct place *at, size_t max, const char **ret, struct sd_error *err);
int place_word(const struct place *at, const char *const *words, size_t n, size_t *ret,
        struct sd_error *err);
int place_bool(const struct place *at, bool *ret, struct sd_error *err);
int place_number(const struct place *at, uint64_t *ret, struct sd_error *err);
int place_size(const struct place *at, uint64_t *ret, struct sd_error *err);

/* What place_size() takes as a string. Returns 0 or -EINVAL. */
int size_parse(const char *text, uint64_t *ret);
