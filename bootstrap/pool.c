/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pool.h"
#include "content.h"
#include "cleanup.h"
#include "table.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

const char *pool_filesystem(const struct pool *pool)
{
	return pool->mode == VOLUME_BLOCK ? CONTENT_NONE : pool->filesystem;
}

void pool_clear(struct pool *pool)
{
	for (size_t i = 0; i < pool->n_rules; i++) {
		free(pool->rules[i].wwid.pattern);
		free(pool->rules[i].serial.pattern);
		free(pool->rules[i].model.pattern);
		free(pool->rules[i].transport.pattern);
	}
	free(pool->rules);
	*pool = (struct pool){ 0 };
}

bool patterns_match(const struct patterns *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (fnmatch(patterns->pattern[i], text, 0) == 0)
			return true;
	return patterns->n == 0;
}

/* The end of a set ("[a-c]", "[!]x]"), at its "]"; NULL: it is none, and the "[" stands for itself. */
static const char *set_end(const char *set)
{
	const char *p = set + 1;

	if (*p == '!' || *p == '^')
		p++;
	return *p ? strchr(p + 1, ']') : NULL;
}

/* How many letters and digits of a pattern stand for themselves. */
static size_t literal_length(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++) {
		const char *end = *pattern == '[' ? set_end(pattern) : NULL;

		if (end)
			pattern = end;
		else if (isalnum((unsigned char)*pattern))
			n++;
	}
	return n;
}

static bool pattern_names(const char *pattern, bool is_wwid)
{
	static const char *const kinds[] = { "eui.", "naa.", "nvme.", "t10.", "uuid.", "serial:" };

	if (!strpbrk(pattern, "*?[\\"))
		return true;
	for (size_t i = 0; is_wwid && i < SD_ARRAY_SIZE(kinds); i++)
		if (strncmp(pattern, kinds[i], strlen(kinds[i])) == 0)
			pattern += strlen(kinds[i]);
	return literal_length(pattern) >= POOL_NAME_MIN;
}

static bool patterns_name(const struct patterns *patterns, bool are_wwids)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (!pattern_names(patterns->pattern[i], are_wwids))
			return false;
	return patterns->n > 0;
}

bool pool_rule_names_disks(const struct pool_rule *rule)
{
	return patterns_name(&rule->wwid, true) || patterns_name(&rule->serial, false) ||
	        patterns_name(&rule->model, false);
}

/* What a disk fails, in the order in which it is looked at. */
enum miss {
	MISS_WWID,
	MISS_SERIAL,
	MISS_MODEL,
	MISS_TRANSPORT,
	MISS_ROTATIONAL,
	MISS_TOO_SMALL,
	MISS_TOO_LARGE,
	MISS_NOTHING,
};

static enum miss rule_miss(const struct pool_rule *rule, const struct sd_disk *disk)
{
	if (!patterns_match(&rule->wwid, disk->wwid))
		return MISS_WWID;
	if (!patterns_match(&rule->serial, disk->serial))
		return MISS_SERIAL;
	if (!patterns_match(&rule->model, disk->model))
		return MISS_MODEL;
	if (!patterns_match(&rule->transport, disk->transport))
		return MISS_TRANSPORT;
	if (rule->has_rotational && rule->rotational != disk->rotational)
		return MISS_ROTATIONAL;
	if (rule->min_size && disk->size < rule->min_size)
		return MISS_TOO_SMALL;
	if (rule->max_size && disk->size > rule->max_size)
		return MISS_TOO_LARGE;
	return MISS_NOTHING;
}

/* The rule that the disk came nearest to, for a person who wonders why it was left. */
struct nearest {
	const struct pool *pool;
	const struct pool_rule *rule;
	enum miss miss;
};

static void explain(const struct nearest *nearest, char *note, size_t size)
{
	const struct pool_rule *rule = nearest->rule;
	char text[TABLE_SIZE_TEXT];
	char why[64 + TABLE_SIZE_TEXT];
	const char *const words[] = {
		[MISS_WWID] = "its WWID is not one of those",
		[MISS_SERIAL] = "its serial number is not one of those",
		[MISS_MODEL] = "its model is not one of those",
		[MISS_TRANSPORT] = "it is attached in another way",
		[MISS_ROTATIONAL] = rule->rotational ? "it does not rotate" : "it rotates",
	};

	if (nearest->miss == MISS_TOO_SMALL)
		(void)snprintf(why, sizeof(why), "it is smaller than %s",
		        table_size(text, rule->min_size, false));
	else if (nearest->miss == MISS_TOO_LARGE)
		(void)snprintf(why, sizeof(why), "it is larger than %s",
		        table_size(text, rule->max_size, false));
	else
		(void)snprintf(why, sizeof(why), "%s", words[nearest->miss]);
	(void)snprintf(note, size, "no pool matches it (not \"%s\": %s)", nearest->pool->name, why);
}

const struct pool *pools_match(const struct pool *pools, size_t n, const struct sd_disk *disk,
        char *note, size_t note_size)
{
	const struct pool *found = NULL;
	struct nearest nearest = { 0 };

	for (size_t i = 0; i < n; i++) {
		bool matches = false;

		for (size_t j = 0; j < pools[i].n_rules; j++) {
			enum miss miss = rule_miss(&pools[i].rules[j], disk);

			matches = matches || miss == MISS_NOTHING;
			if (!nearest.pool || miss > nearest.miss)
				nearest = (struct nearest){ &pools[i], &pools[i].rules[j], miss };
		}
		if (!matches)
			continue;
		if (found) {
			(void)snprintf(note, note_size,
			        "two pools match it, \"%s\" and \"%s\": it is left until one does",
			        found->name, pools[i].name);
			return NULL;
		}
		found = &pools[i];
	}
	if (!found && nearest.pool)
		explain(&nearest, note, note_size);
	else if (!found)
		(void)snprintf(note, note_size, "there are no pools");
	return found;
}

size_t pools_matching(const struct pool *pools, size_t n, const struct sd_disk *disk)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < pools[i].n_rules; j++)
			if (rule_miss(&pools[i].rules[j], disk) == MISS_NOTHING) {
				count++;
				break;
			}
	return count;
}
