/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A pool: which disks, and what is made of them. The strings are the config's. */

#include "content.h"
#include "disk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Patterns of fnmatch(3) for a whole text; n 0: any text. */
struct patterns {
	const char **pattern;
	size_t n;
};

/* All that is said must hold; of several patterns, one. */
struct pool_rule {
	struct patterns wwid, serial, model, transport;
	bool has_rotational, rotational;
	uint64_t min_size, max_size; /* bytes, both may be met; 0: any */
};

enum volume_mode { VOLUME_FILESYSTEM, VOLUME_BLOCK };
enum reclaim_policy { RECLAIM_RETAIN, RECLAIM_DELETE };
enum pool_erase { POOL_ERASE_DEFAULT, POOL_ERASE_CRYPTO, POOL_ERASE_ZERO, POOL_ERASE_DISCARD };

struct pool {
	const char *name, *storage_class;
	struct pool_rule *rules;
	size_t n_rules;
	enum volume_mode mode;
	const char *filesystem;    /* NULL: a pool of block volumes */
	const char *mount_options; /* NULL: none */
	bool luks;
	enum sd_kdf kdf;
	const char *key; /* as in a PersistentVolume's options; NULL: not encrypted */
	const char *secret_namespace, *secret_name; /* NULL: the key is not in a Secret */
	bool automatic;                             /* prepared without a person */
	enum reclaim_policy reclaim;
	enum pool_erase erase;
};

/* What is made in its volumes: filesystem, or "none" (content.h). */
const char *pool_filesystem(const struct pool *pool);

/* Frees what a pool has allocated; it may be filled half. */
void pool_clear(struct pool *pool);

/* Whether a text as a whole matches one of the patterns, or there are none. */
bool patterns_match(const struct patterns *patterns, const char *text);

/*
 * Whether a rule names disks, as preparing them without a person demands: each of its WWIDs, serial
 * numbers or models is written out, or has at least POOL_NAME_MIN characters beside its wildcards (and,
 * of a WWID, beside its kind: "eui.*" names nothing).
 */
#define POOL_NAME_MIN 4
bool pool_rule_names_disks(const struct pool_rule *rule);

/*
 * The one pool that a disk belongs to. NULL: none does, or several, which is the same; then why, in
 * plain words, is in note.
 */
const struct pool *pools_match(const struct pool *pools, size_t n, const struct sd_disk *disk,
        char *note, size_t note_size);

/* How many pools have a rule that matches it. */
size_t pools_matching(const struct pool *pools, size_t n, const struct sd_disk *disk);
