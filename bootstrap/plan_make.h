/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What may be done with one disk, and if nothing, why: the decision behind a plan. */

#include "node_config.h"
#include "plan.h"
#include "survey.h"

#include <stdbool.h>

/* What a person asked for. */
struct wish {
	const struct node_config *config; /* NULL: what is made is in made */
	const struct pool *pool;          /* disks of this pool alone; NULL: of any */
	bool automatic;                   /* only pools that are prepared without a person */
	struct plan_disk made;            /* without a config: filesystem, luks, kdf, key */
	bool (*is_wanted)(const struct wish *wish, const struct sd_disk *disk);
	const void *data; /* is_wanted()'s */
};

struct verdict {
	bool planned; /* disk is filled */
	struct plan_disk disk;
	const struct pool *pool; /* NULL: none was looked for, or none found */
	char why[1000]; /* in plain words, those of list: why it is left, or may be taken */
};

/*
 * Looks at a disk. Changes nothing and cannot fail: what could not be told is a reason to leave it. survey
 * is filled (survey_free()).
 */
void plan_decide(const struct wish *wish, const struct sd_disk *disk, struct survey *survey,
        struct verdict *ret);
