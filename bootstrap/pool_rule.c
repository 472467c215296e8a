/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pool_rule.h"
#include "cleanup.h"

#include <errno.h>
#include <string.h>

#define RULES_MAX 64
#define PATTERNS_MAX 256
#define PATTERN_SIZE 255

/* Room for the items of an array; more than max of them are refused before any is taken. */
static void *room_for(const struct place *at, size_t max, size_t size)
{
	size_t n = sd_json_size(at->value);

	return calloc(n < max ? n + 1 : max, size);
}

static int take_pattern(const struct place *at, void *object, struct sd_error *err)
{
	struct patterns *patterns = object;
	const char *text;
	int r = place_string(at, PATTERN_SIZE, &text, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < patterns->n; i++)
		if (strcmp(patterns->pattern[i], text) == 0)
			return place_error(at, err, "it is there twice");
	patterns->pattern[patterns->n++] = text;
	return 0;
}

static int take_patterns(const struct place *at, struct patterns *ret, struct sd_error *err)
{
	ret->pattern = room_for(at, PATTERNS_MAX, sizeof(*ret->pattern));
	if (!ret->pattern)
		return sd_error_set(err, ENOMEM, "out of memory");
	return place_array(at, PATTERNS_MAX, take_pattern, ret, err);
}

static int take_wwid(const struct place *at, void *rule, struct sd_error *err)
{
	return take_patterns(at, &((struct pool_rule *)rule)->wwid, err);
}

static int take_serial(const struct place *at, void *rule, struct sd_error *err)
{
	return take_patterns(at, &((struct pool_rule *)rule)->serial, err);
}

static int take_model(const struct place *at, void *rule, struct sd_error *err)
{
	return take_patterns(at, &((struct pool_rule *)rule)->model, err);
}

static int take_transport_word(const struct place *at, void *patterns, struct sd_error *err)
{
	static const char *const words[] = { "nvme", "scsi", "virtio", "loop", "other" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	return r < 0 ? r : take_pattern(at, patterns, err);
}

static int take_transport(const struct place *at, void *object, struct sd_error *err)
{
	struct patterns *transport = &((struct pool_rule *)object)->transport;

	transport->pattern = room_for(at, PATTERNS_MAX, sizeof(*transport->pattern));
	if (!transport->pattern)
		return sd_error_set(err, ENOMEM, "out of memory");
	return place_array(at, PATTERNS_MAX, take_transport_word, transport, err);
}

static int take_rotational(const struct place *at, void *object, struct sd_error *err)
{
	struct pool_rule *rule = object;

	rule->has_rotational = true;
	return place_bool(at, &rule->rotational, err);
}

static int take_min_size(const struct place *at, void *rule, struct sd_error *err)
{
	return place_size(at, &((struct pool_rule *)rule)->min_size, err);
}

static int take_max_size(const struct place *at, void *rule, struct sd_error *err)
{
	uint64_t *size = &((struct pool_rule *)rule)->max_size;
	int r = place_size(at, size, err);

	return r == 0 && *size == 0 ? place_error(at, err, "no disk is that small") : r;
}

static const struct place_key rule_keys[] = {
	{ "wwid", take_wwid, false },
	{ "serial", take_serial, false },
	{ "model", take_model, false },
	{ "transport", take_transport, false },
	{ "rotational", take_rotational, false },
	{ "minSize", take_min_size, false },
	{ "maxSize", take_max_size, false },
};

static int take_rule(const struct place *at, void *object, struct sd_error *err)
{
	struct pool *pool = object;
	struct pool_rule *rule = &pool->rules[pool->n_rules++];
	int r;

	r = place_object(at, rule_keys, SD_ARRAY_SIZE(rule_keys), rule, err);
	if (r < 0)
		return r;
	if (!rule->wwid.n && !rule->serial.n && !rule->model.n && !rule->transport.n &&
	        !rule->has_rotational && !rule->min_size && !rule->max_size)
		return place_error(at, err,
		        "it says nothing, so every disk would match; name at least one thing");
	if (rule->max_size && rule->min_size > rule->max_size)
		return place_error(at, err, "no disk has both its minSize and its maxSize");
	return 0;
}

int pool_take_rules(const struct place *at, struct pool *pool, struct sd_error *err)
{
	pool->rules = room_for(at, RULES_MAX, sizeof(*pool->rules));
	if (!pool->rules)
		return sd_error_set(err, ENOMEM, "out of memory");
	return place_array(at, RULES_MAX, take_rule, pool, err);
}
