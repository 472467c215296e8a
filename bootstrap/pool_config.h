/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One pool as the node's configuration writes it. */

#include "place.h"
#include "error.h"
#include "pool.h"

/* Fills pool, also when it fails: pool_clear() then. Strings are the document's. */
int pool_take(const struct place *at, struct pool *pool, struct sd_error *err);

/* Values that directories have too. */
int take_storage_class(const struct place *at, const char **ret, struct sd_error *err);
int take_volume_mode(const struct place *at, enum volume_mode *ret, struct sd_error *err);
