/* SPDX-License-Identifier: GPL-2.0-or-later */

/* For crypt_settle.c: what the JSON of a LUKS2 header tells of a re-encryption, and what it is to be after it. */

#include "cleanup.h"
#include "crypt_settle.h"

#include <errno.h>
#include <string.h>

#define REQUIREMENT "online-reencrypt-v2"
#define BACKUP "backup-"     /* flags of segments that are there for the re-encryption alone */
#define FINAL "backup-final" /* what all is to be like in the end */

bool sd_settle_has(const sd_json *array, const char *text)
{
	for (size_t i = 0; i < sd_json_size(array); i++) {
		const char *item = sd_json_as_string(sd_json_at(array, i));

		if (item && strcmp(item, text) == 0)
			return true;
	}
	return false;
}

/* In the midst of its work a segment has other flags. */
static int look_at_segment(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	const sd_json *flags = sd_json_get(value, "flags");
	struct sd_settle *settle = data;

	(void)err;
	for (size_t i = 0; i < sd_json_size(flags); i++) {
		const char *flag = sd_json_as_string(sd_json_at(flags, i));

		if (!flag || strncmp(flag, BACKUP, strlen(BACKUP)) != 0)
			return 1;
	}
	if (sd_settle_has(flags, FINAL))
		settle->final = key;
	if (sd_json_size(flags) > 0)
		return 0;
	if (settle->segment)
		return 1; /* a second one: the volume has two keys still */
	settle->segment = key;
	return 0;
}

/* If they are not of one digest nothing is done yet, or what is to be done is something else. */
static int look_at_digest(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	const sd_json *segments = sd_json_get(value, "segments");
	struct sd_settle *settle = data;

	(void)err;
	if (!sd_settle_has(segments, settle->segment))
		return 0;
	if (settle->digest || !sd_settle_has(segments, settle->final))
		return 1;
	settle->digest = key;
	settle->keyslots = sd_json_get(value, "keyslots");
	return 0;
}

bool sd_settle_is_at_end(struct sd_settle *settle)
{
	const sd_json *wanted = sd_json_get(
	        sd_json_get(sd_json_get(settle->now, "config"), "requirements"), "mandatory");

	return sd_json_size(wanted) == 1 && sd_settle_has(wanted, REQUIREMENT) &&
	        sd_json_each(sd_json_get(settle->now, "segments"), look_at_segment, settle, NULL) ==
	        0 &&
	        settle->segment && settle->final &&
	        sd_json_each(sd_json_get(settle->now, "digests"), look_at_digest, settle, NULL) ==
	        0 &&
	        settle->digest && sd_json_size(settle->keyslots) > 0;
}

struct filter {
	const struct sd_settle *settle;
	const sd_json *from;
	sd_json *to;
};

static int put(struct filter *filter, const char *key, sd_json *value)
{
	return value ? sd_json_set(filter->to, key, value) : -ENOMEM;
}

static int put_same(struct filter *filter, const char *key)
{
	return put(filter, key, sd_json_again(sd_json_get(filter->from, key)));
}

static int keep_keyslot(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct filter *filter = data;

	(void)value;
	(void)err;
	return sd_settle_has(filter->settle->keyslots, key) ? put_same(filter, key) : 0;
}

static int keep_segment(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct filter *filter = data;

	(void)value;
	(void)err;
	return strcmp(filter->settle->segment, key) == 0 ? put_same(filter, key) : 0;
}

static int keep_config(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	(void)value;
	(void)err;
	return strcmp(key, "requirements") != 0 ? put_same(data, key) : 0;
}

/* Those of the numbers that are keyslots still. */
static sd_json *kept_of(const struct sd_settle *settle, const sd_json *numbers)
{
	sd_json *kept = sd_json_array();

	for (size_t i = 0; kept && i < sd_json_size(numbers); i++) {
		const char *number = sd_json_as_string(sd_json_at(numbers, i));

		if (number && sd_settle_has(settle->keyslots, number) &&
		        sd_json_append(kept, sd_json_string(number)) < 0) {
			sd_json_free(kept);
			return NULL;
		}
	}
	return kept;
}

static int keep_in_token(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct filter *filter = data;

	(void)err;
	return strcmp(key, "keyslots") == 0 ? put(filter, key, kept_of(filter->settle, value))
	                                    : put_same(filter, key);
}

static int keep_in_digest(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct filter *filter = data;
	sd_json *segments;

	(void)value;
	(void)err;
	if (strcmp(key, "segments") != 0)
		return put_same(filter, key);
	segments = sd_json_array();
	if (segments && sd_json_append(segments, sd_json_string(filter->settle->segment)) < 0) {
		sd_json_free(segments);
		return -ENOMEM;
	}
	return put(filter, key, segments);
}

/* filter->to[key] becomes what keep leaves of filter->from[key]. */
static int put_filtered(struct filter *filter, const char *key,
        int (*keep)(const char *key, const sd_json *value, void *data, struct sd_error *err))
{
	struct filter inner = { filter->settle, sd_json_get(filter->from, key), sd_json_object() };
	int r = inner.to ? sd_json_each(inner.from, keep, &inner, NULL) : -ENOMEM;

	if (r < 0) {
		sd_json_free(inner.to);
		return r;
	}
	return put(filter, key, inner.to);
}

static int keep_token(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	(void)value;
	(void)err;
	return put_filtered(data, key, keep_in_token);
}

static int keep_digest(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct filter *filter = data;

	(void)value;
	(void)err;
	return strcmp(filter->settle->digest, key) == 0 ? put_filtered(filter, key, keep_in_digest)
	                                                : 0;
}

int sd_settle_make(const struct sd_settle *settle, sd_json **ret, struct sd_error *err)
{
	struct filter filter = { settle, settle->now, sd_json_object() };
	int r;

	*ret = filter.to;
	r = filter.to ? put_filtered(&filter, "keyslots", keep_keyslot) : -ENOMEM;
	if (r == 0)
		r = put_filtered(&filter, "tokens", keep_token);
	if (r == 0)
		r = put_filtered(&filter, "segments", keep_segment);
	if (r == 0)
		r = put_filtered(&filter, "digests", keep_digest);
	if (r == 0)
		r = put_filtered(&filter, "config", keep_config);
	return r < 0 ? sd_error_set(err, ENOMEM, "out of memory") : 0;
}
