/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The node's configuration: pools of disks, and directories whose mount points are published. */

#include "directory_config.h"
#include "document.h"
#include "error.h"
#include "pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below the root prefix. */
#define NODE_CONFIG_PATH "/etc/solodisk/config.json"

#define NODE_DIRECTORIES_MAX 64

struct node_config {
	struct document document;
	struct pool *pools;
	size_t n_pools;
	struct directory *directories;
	size_t n_directories;
	/* The agent's. */
	uint64_t scan_seconds, missing_seconds; /* 0: the default, see below */
	bool owner_reference;                   /* the PersistentVolumes go with their Node */
};

/* How often the agent looks at every disk, and after how long one that is not there is missing. */
uint64_t node_config_scan_s(const struct node_config *config);
uint64_t node_config_missing_s(const struct node_config *config);

/*
 * Reads and checks a file as a whole; -EINVAL or -EPERM (document_read()): err names file, line and key.
 * -ENOENT: no such file. Free with node_config_free(), which may be called twice.
 */
int node_config_read(const char *path, struct node_config *ret, struct sd_error *err);
/* The same of a text; name is for error texts. */
int node_config_parse(const char *name, const char *text, size_t len, struct node_config *ret,
        struct sd_error *err);
void node_config_free(struct node_config *config);
#define _cleanup_node_config_ __attribute__((cleanup(node_config_free)))

/* The one at path, or the default file if path is NULL. 1: read; 0: path is NULL and there is no file. */
int node_config_find(const char *path, struct node_config *ret, struct sd_error *err);

/* NULL: no pool of that name. */
const struct pool *node_config_pool(const struct node_config *config, const char *name);
