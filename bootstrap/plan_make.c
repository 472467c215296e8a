/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan_make.h"
#include "cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void leave(struct verdict *verdict, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

static void leave(struct verdict *verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(verdict->why, sizeof(verdict->why), fmt, ap);
	va_end(ap);
	verdict->planned = false;
}

/* What the pool makes of its disks. */
static void fill_from_pool(const struct pool *pool, struct plan_disk *disk)
{
	(void)snprintf(disk->pool, sizeof(disk->pool), "%s", pool->name);
	(void)snprintf(disk->filesystem, sizeof(disk->filesystem), "%s", pool_filesystem(pool));
	disk->luks = pool->luks;
	disk->kdf = pool->kdf;
	if (pool->key)
		(void)snprintf(disk->key, sizeof(disk->key), "%s", pool->key);
}

/* Whether the disk is one of those meant; else it is left, and why. */
static bool is_meant(const struct wish *wish, const struct sd_disk *disk, struct verdict *verdict)
{
	if (wish->config) {
		verdict->pool = pools_match(wish->config->pools, wish->config->n_pools, disk,
		        verdict->why, sizeof(verdict->why));
		if (!verdict->pool)
			return false;
		if (wish->pool && wish->pool != verdict->pool) {
			leave(verdict, "it belongs to pool \"%s\"", verdict->pool->name);
			return false;
		}
		if (wish->automatic && !verdict->pool->automatic) {
			leave(verdict, "its pool \"%s\" is prepared by a person",
			        verdict->pool->name);
			return false;
		}
		fill_from_pool(verdict->pool, &verdict->disk);
	}
	if (wish->is_wanted && !wish->is_wanted(wish, disk)) {
		leave(verdict, "it may be prepared, but is not named");
		return false;
	}
	return true;
}

void plan_decide(const struct wish *wish, const struct sd_disk *disk, struct survey *survey,
        struct verdict *ret)
{
	struct sd_error err = SD_ERROR_INIT;
	struct plan_disk *plan;
	const struct sd_key some_key = SD_KEY_INIT; /* only that there is one counts */
	struct recipe recipe = { 0 };
	bool preparing;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->disk = wish->made;
	plan = &ret->disk;
	/* Before the look: what is written between the two is noticed when the plan is applied. */
	r = fingerprint_take(disk, &plan->seen, &err);
	survey_disk(disk, survey);
	preparing = survey->kind == SURVEY_OURS && survey->mark.state == SD_STATE_PREPARING;
	leave(ret, "%s", survey->note);
	if (survey->kind != SURVEY_BLANK && !preparing)
		return;
	if (r < 0) {
		leave(ret, "%s", err.text);
		return;
	}
	if (!disk->wwid[0]) {
		leave(ret, "it has no WWID or serial number by which a plan could name it");
		return;
	}
	if (!is_meant(wish, disk, ret))
		return;
	(void)snprintf(recipe.filesystem, sizeof(recipe.filesystem), "%s", plan->filesystem);
	recipe.key = plan->luks ? &some_key : NULL;
	if (content_check_size(&recipe, disk, &err) < 0) {
		leave(ret, "%s", err.text);
		return;
	}
	plan->action = PLAN_PREPARE;
	(void)snprintf(plan->name, sizeof(plan->name), "%s", disk->name);
	plan->was_preparing = preparing;
	ret->planned = true;
}
