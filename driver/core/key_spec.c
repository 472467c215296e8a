/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "key_spec.h"
#include "cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define BOTH "both:"
#define PREVIOUS ".previous"

static const struct {
	const char *prefix;
	enum sd_key_kind kind;
} kinds[] = {
	{ "secret:", SD_KEY_SECRET },
	{ "file:", SD_KEY_FILE },
};

bool sd_key_name_is_valid(const char *name)
{
	if (!*name || *name == '.' || strlen(name) > NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

static int parse_part(const char *text, struct sd_key_part *ret, struct sd_error *err)
{
	if (strcmp(text, "token") == 0) {
		ret->kind = SD_KEY_TOKEN;
		return 0;
	}
	for (size_t i = 0; i < SD_ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, len) != 0)
			continue;
		if (!sd_key_name_is_valid(text + len))
			return sd_error_set(err, EINVAL,
			        "%s<name> must name one key with letters, digits, '-', '_' and "
			        "'.'",
			        kinds[i].prefix);
		ret->kind = kinds[i].kind;
		ret->name = strdup(text + len);
		return ret->name ? 0 : sd_error_set(err, ENOMEM, "out of memory");
	}
	return sd_error_set(err, EINVAL,
	        "it must be secret:<name>, file:<name>, token, or both:<a>,<b> with two of these");
}

static bool is_same(const struct sd_key_part *a, const struct sd_key_part *b)
{
	return a->kind == b->kind && (!a->name || !b->name || strcmp(a->name, b->name) == 0);
}

static int parse_both(const char *text, struct sd_key_spec *spec, struct sd_error *err)
{
	_cleanup_free_ char *first = strdup(text);
	char *comma;
	int r;

	if (!first)
		return sd_error_set(err, ENOMEM, "out of memory");
	comma = strchr(first, ',');
	if (!comma || strchr(comma + 1, ','))
		return sd_error_set(err, EINVAL, "both: takes two parts with a comma between them");
	*comma = '\0';
	spec->n = 2;
	r = parse_part(first, &spec->part[0], err);
	if (r == 0)
		r = parse_part(comma + 1, &spec->part[1], err);
	if (r == 0 && is_same(&spec->part[0], &spec->part[1]))
		r = sd_error_set(
		        err, EINVAL, "both: takes two different parts: one twice protects nothing");
	return r;
}

int sd_key_spec_parse(const char *text, struct sd_key_spec *ret, struct sd_error *err)
{
	_cleanup_key_spec_ struct sd_key_spec spec = { .n = 1 };
	int r;

	r = strncmp(text, BOTH, strlen(BOTH)) == 0 ? parse_both(text + strlen(BOTH), &spec, err)
	                                           : parse_part(text, &spec.part[0], err);
	if (r < 0)
		return r;
	*ret = spec;
	spec = (struct sd_key_spec){ 0 };
	return 0;
}

void sd_key_spec_free(struct sd_key_spec *spec)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(spec->part); i++)
		free(spec->part[i].name);
	*spec = (struct sd_key_spec){ 0 };
}

bool sd_key_spec_has(const struct sd_key_spec *spec, enum sd_key_kind kind)
{
	for (size_t i = 0; i < spec->n; i++)
		if (spec->part[i].kind == kind)
			return true;
	return false;
}

static int read_part(const struct sd_key_part *part, const struct sd_key_givers *givers,
        const char *name, bool alone, struct sd_key *ret, struct sd_error *err)
{
	int r;

	switch (part->kind) {
	case SD_KEY_SECRET:
		return givers->secret ? givers->secret(givers->data, name, ret, err)
		                      : sd_error_set(err, ENOKEY,
		                                "there is no Secret here to take \"%s\" of", name);
	case SD_KEY_TOKEN:
		return givers->token
		        ? givers->token(givers->data, alone, ret, err)
		        : sd_error_set(err, ENOKEY, "there is no volume here to take a token of");
	default:
		r = sd_key_read_file(name, ret, err);
		return r == -ENOENT ? sd_error_set(err, ENOKEY,
		                              "there is no key file /etc/solodisk/keys/%s", name)
		                    : r;
	}
}

/* Returns 1: it is the previous one; 0: there is none, and this is the current one. */
static int read_previous(const struct sd_key_part *part, const struct sd_key_givers *givers,
        bool alone, struct sd_key *ret, struct sd_error *err)
{
	char name[NAME_MAX + sizeof(PREVIOUS)];
	int r = -ENOKEY;

	if (part->name) {
		(void)snprintf(name, sizeof(name), "%s" PREVIOUS, part->name);
		r = sd_key_name_is_valid(name) ? read_part(part, givers, name, alone, ret, err)
		                               : -ENOKEY;
	}
	if (r != -ENOKEY)
		return r < 0 ? r : 1;
	sd_error_clear(err);
	return read_part(part, givers, part->name, alone, ret, err);
}

int sd_key_spec_read(const struct sd_key_spec *spec, const struct sd_key_givers *givers,
        enum sd_key_version version, struct sd_key *ret, struct sd_error *err)
{
	struct sd_key key[2] = { SD_KEY_INIT, SD_KEY_INIT };
	bool alone = spec->n == 1, found = version == SD_KEY_CURRENT;
	int r = 0;

	if (!found && !spec->part[0].name && !spec->part[1].name)
		return sd_error_set(err, ENOKEY, "a token has no previous key");
	for (size_t i = 0; r >= 0 && i < spec->n; i++) {
		const struct sd_key_part *part = &spec->part[i];

		r = version == SD_KEY_CURRENT
		        ? read_part(part, givers, part->name, alone, &key[i], err)
		        : read_previous(part, givers, alone, &key[i], err);
		found = found || r > 0;
		if (r >= 0 && !alone && key[i].size < SD_KEY_MIN_SIZE)
			r = sd_error_set(err, EINVAL,
			        "part %zu of both: is shorter than %d bytes; each part must be random "
			        "bytes, not a passphrase",
			        i + 1, SD_KEY_MIN_SIZE);
	}
	if (r >= 0 && !found)
		r = sd_error_set(err, ENOKEY, "there is no previous key");
	if (r >= 0 && !alone)
		r = sd_key_combine(&key[0], &key[1], ret, err);
	else if (r >= 0) {
		*ret = key[0];
		key[0] = (struct sd_key)SD_KEY_INIT;
	}
	sd_key_free(&key[0]);
	sd_key_free(&key[1]);
	return r < 0 ? r : 0;
}
