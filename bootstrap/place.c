/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "place.h"
#include "cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64            /* as sd_json_parse() has it */
#define NUMBER_MAX (1ull << 53) /* what every reader of JSON keeps exactly */

struct place place_top(const struct document *document)
{
	return (struct place){ .document = document, .value = document->json };
}

/*
 * Where something stands in the text. jansson keeps no positions, but the text is known to be valid by
 * now, and an object is walked in the order of its text: the numbers of the members lead there.
 */
struct scan {
	const char *p, *end;
};

static void skip_space(struct scan *scan)
{
	while (scan->p < scan->end && strchr(" \t\r\n", *scan->p) && *scan->p)
		scan->p++;
}

static void skip_string(struct scan *scan)
{
	scan->p++;
	while (scan->p < scan->end && *scan->p != '"')
		scan->p += *scan->p == '\\' ? 2 : 1;
	scan->p++;
}

static void skip_value(struct scan *scan)
{
	unsigned depth = 0;

	while (scan->p < scan->end) {
		char c = *scan->p;

		if (depth == 0 && (c == ',' || c == ']' || c == '}'))
			return;
		if (c == '"') {
			skip_string(scan);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		scan->p++;
	}
}

/* From the value of a container to its index-th member: to its key in an object. */
static void go_into(struct scan *scan, size_t index)
{
	skip_space(scan);
	scan->p++;
	for (size_t i = 0; i < index && scan->p < scan->end; i++) {
		skip_value(scan);
		scan->p++;
	}
	skip_space(scan);
}

/* From a member's key to its value. */
static void go_to_value(struct scan *scan)
{
	skip_string(scan);
	skip_space(scan);
	scan->p++;
}

/* The places from at up to the top, which is not among them. Returns how many. */
static size_t find_way(const struct place *at, const struct place *ret[DEPTH_MAX])
{
	size_t n = 0;

	for (; at->up && n < DEPTH_MAX; at = at->up)
		ret[n++] = at;
	return n;
}

unsigned place_line(const struct place *at)
{
	const struct document *document = at->document;
	struct scan scan = { document->text, document->text + document->len };
	const struct place *way[DEPTH_MAX];
	size_t n = find_way(at, way);
	unsigned line = 1;

	skip_space(&scan);
	while (n-- > 0) {
		go_into(&scan, way[n]->index);
		if (n > 0 && way[n]->key)
			go_to_value(&scan);
	}
	for (const char *p = document->text; p < scan.p && p < scan.end; p++)
		line += *p == '\n';
	return line;
}

/* "pools[1].disks": the way from the top. */
static void print_way(const struct place *at, char *buf, size_t size)
{
	const struct place *way[DEPTH_MAX];
	size_t used = 0;

	buf[0] = '\0';
	for (size_t n = find_way(at, way); n-- > 0 && used < size;) {
		if (way[n]->key)
			used += (size_t)snprintf(
			        buf + used, size - used, "%s%.64s", used ? "." : "", way[n]->key);
		else
			used += (size_t)snprintf(buf + used, size - used, "[%zu]", way[n]->index);
	}
}

int place_error(const struct place *at, struct sd_error *err, const char *fmt, ...)
{
	char text[500], way[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_way(at, way, sizeof(way));
	return sd_error_set(err, EINVAL, "%s: line %u: %s%s%s", at->document->name, place_line(at),
	        way, way[0] ? ": " : "", text);
}

/* Control characters would forge lines in errors and tables. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

struct walk {
	const struct place *at;
	const struct place_key *keys;
	size_t n, index;
	uint64_t seen; /* a bit for each of keys */
	void *object;
};

static int refuse_key(const struct place *at, const struct walk *walk, struct sd_error *err)
{
	char known[300] = "";
	size_t used = 0;

	for (size_t i = 0; i < walk->n && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
		        walk->keys[i].name);
	if (!is_printable(at->key) || strlen(at->key) > 64)
		return place_error(
		        walk->at, err, "a key with an unusual name is in it (known: %s)", known);
	return place_error(at, err, "there is no such key here (known: %s)", known);
}

static int take_key(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct walk *walk = data;
	struct place at = { walk->at->document, walk->at, value, key, walk->index++ };

	for (size_t i = 0; i < walk->n; i++) {
		if (strcmp(key, walk->keys[i].name) != 0)
			continue;
		walk->seen |= UINT64_C(1) << i;
		return walk->keys[i].take(&at, walk->object, err);
	}
	return refuse_key(&at, walk, err);
}

int place_object(const struct place *at, const struct place_key *keys, size_t n, void *object,
        struct sd_error *err)
{
	struct walk walk = { .at = at, .keys = keys, .n = n, .object = object };
	int r;

	if (!sd_json_is_object(at->value))
		return place_error(at, err, "it must be an object, {...}");
	r = sd_json_each(at->value, take_key, &walk, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (keys[i].required && !(walk.seen & UINT64_C(1) << i))
			r = place_error(at, err, "\"%s\" is missing", keys[i].name);
	return r;
}

int place_array(const struct place *at, size_t max,
        int (*take)(const struct place *at, void *object, struct sd_error *err), void *object,
        struct sd_error *err)
{
	size_t n = sd_json_size(at->value);
	int r = 0;

	if (!sd_json_is_array(at->value))
		return place_error(at, err, "it must be an array, [...]");
	if (n == 0)
		return place_error(at, err, "it is empty; leave it out, or put something in");
	if (n > max)
		return place_error(at, err, "it has %zu items, at most %zu are taken", n, max);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct place item = { at->document, at, sd_json_at(at->value, i), NULL, i };

		r = take(&item, object, err);
	}
	return r;
}

int place_string(const struct place *at, size_t max, const char **ret, struct sd_error *err)
{
	const char *text = sd_json_as_string(at->value);

	if (!text)
		return place_error(at, err, "it must be a string");
	if (!*text)
		return place_error(at, err, "it is empty");
	if (strlen(text) > max)
		return place_error(at, err, "it is longer than %zu bytes", max);
	if (!is_printable(text))
		return place_error(at, err, "it has a control character in it");
	*ret = text;
	return 0;
}

int place_word(const struct place *at, const char *const *words, size_t n, size_t *ret,
        struct sd_error *err)
{
	const char *text = sd_json_as_string(at->value);
	char known[300] = "";
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (text && strcmp(text, words[i]) == 0) {
			*ret = i;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s\"%s\"",
			        i == 0               ? ""
			                : i == n - 1 ? " or "
			                             : ", ",
			        words[i]);
	}
	return place_error(at, err, "it must be %s", known);
}

int place_bool(const struct place *at, bool *ret, struct sd_error *err)
{
	int value;

	if (!sd_json_as_bool(at->value, &value))
		return place_error(at, err, "it must be true or false");
	*ret = value;
	return 0;
}

int place_number(const struct place *at, uint64_t *ret, struct sd_error *err)
{
	int64_t value;

	if (!sd_json_as_int(at->value, &value) || value < 0 || (uint64_t)value > NUMBER_MAX)
		return place_error(at, err, "it must be a whole number from 0 to 2^53");
	*ret = (uint64_t)value;
	return 0;
}

/* As Kubernetes writes quantities: those with an i are powers of 1024. */
static const struct {
	const char *suffix;
	uint64_t factor;
} units[] = {
	{ "", 1 },
	{ "k", 1000ull },
	{ "M", 1000000ull },
	{ "G", 1000000000ull },
	{ "T", 1000000000000ull },
	{ "P", 1000000000000000ull },
	{ "Ki", 1ull << 10 },
	{ "Mi", 1ull << 20 },
	{ "Gi", 1ull << 30 },
	{ "Ti", 1ull << 40 },
	{ "Pi", 1ull << 50 },
};

int size_parse(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++) {
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > NUMBER_MAX)
			return -EINVAL;
	}
	for (size_t i = 0; i < SD_ARRAY_SIZE(units); i++) {
		if (strcmp(text, units[i].suffix) != 0)
			continue;
		if (value > NUMBER_MAX / units[i].factor)
			return -EINVAL;
		*ret = value * units[i].factor;
		return 0;
	}
	return -EINVAL;
}

int place_size(const struct place *at, uint64_t *ret, struct sd_error *err)
{
	const char *text = sd_json_as_string(at->value);

	if (text ? size_parse(text, ret) < 0 : place_number(at, ret, NULL) < 0)
		return place_error(at, err,
		        "it must be a number of bytes, or a string such as \"100Gi\" or \"2T\"");
	return 0;
}
