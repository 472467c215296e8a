/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The rules of a pool as the node's configuration writes them: which disks belong to it. */

#include "error.h"
#include "place.h"
#include "pool.h"

/* Fills the pool's rules from an array, also when it fails: pool_clear() then. Strings are the document's. */
int pool_take_rules(const struct place *at, struct pool *pool, struct sd_error *err);
