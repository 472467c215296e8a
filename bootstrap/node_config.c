/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_config.h"
#include "cleanup.h"
#include "pool_config.h"
#include "root.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define POOLS_MAX 64
#define SCAN_SECONDS 300
#define MISSING_SECONDS 180
#define SECONDS_MAX 86400

static int take_pool(const struct place *at, void *object, struct sd_error *err)
{
	struct node_config *config = object;
	struct pool *pool = &config->pools[config->n_pools++];
	int r = pool_take(at, pool, err);

	for (size_t i = 0; r == 0 && i + 1 < config->n_pools; i++)
		if (strcmp(config->pools[i].name, pool->name) == 0)
			r = place_error(
			        at, err, "there are two pools of the name \"%s\"", pool->name);
	return r;
}

static int take_pools(const struct place *at, void *object, struct sd_error *err)
{
	struct node_config *config = object;

	config->pools = calloc(POOLS_MAX, sizeof(*config->pools));
	if (!config->pools)
		return sd_error_set(err, ENOMEM, "out of memory");
	return place_array(at, POOLS_MAX, take_pool, config, err);
}

static int take_directory(const struct place *at, void *object, struct sd_error *err)
{
	struct node_config *config = object;
	struct directory *directory = &config->directories[config->n_directories++];
	int r = directory_take(at, directory, err);

	for (size_t i = 0; r == 0 && i + 1 < config->n_directories; i++)
		if (strcmp(config->directories[i].path, directory->path) == 0)
			r = place_error(
			        at, err, "the directory %s is there twice", directory->path);
	return r;
}

static int take_directories(const struct place *at, void *object, struct sd_error *err)
{
	struct node_config *config = object;

	config->directories = calloc(NODE_DIRECTORIES_MAX, sizeof(*config->directories));
	if (!config->directories)
		return sd_error_set(err, ENOMEM, "out of memory");
	return place_array(at, NODE_DIRECTORIES_MAX, take_directory, config, err);
}

static int take_seconds(const struct place *at, uint64_t max, uint64_t *ret, struct sd_error *err)
{
	int r = place_number(at, ret, err);

	if (r == 0 && (*ret < 1 || *ret > max))
		r = place_error(at, err, "it is a number of seconds from 1 to %" PRIu64, max);
	return r;
}

static int take_scan(const struct place *at, void *config, struct sd_error *err)
{
	return take_seconds(at, SECONDS_MAX, &((struct node_config *)config)->scan_seconds, err);
}

static int take_missing(const struct place *at, void *config, struct sd_error *err)
{
	return take_seconds(at, SECONDS_MAX, &((struct node_config *)config)->missing_seconds, err);
}

static int take_owner(const struct place *at, void *config, struct sd_error *err)
{
	return place_bool(at, &((struct node_config *)config)->owner_reference, err);
}

uint64_t node_config_scan_s(const struct node_config *config)
{
	return config->scan_seconds ? config->scan_seconds : SCAN_SECONDS;
}

uint64_t node_config_missing_s(const struct node_config *config)
{
	return config->missing_seconds ? config->missing_seconds : MISSING_SECONDS;
}

static const struct place_key config_keys[] = {
	{ "pools", take_pools, false },
	{ "directories", take_directories, false },
	{ "scanSeconds", take_scan, false },
	{ "missingSeconds", take_missing, false },
	{ "ownerReference", take_owner, false },
};

/* Takes the document over. */
static int from_document(struct document *document, struct node_config *ret, struct sd_error *err)
{
	_cleanup_node_config_ struct node_config config = { .document = *document };
	struct place top = place_top(&config.document);
	int r;

	*document = (struct document){ 0 };
	r = place_object(&top, config_keys, SD_ARRAY_SIZE(config_keys), &config, err);
	if (r < 0)
		return r;
	*ret = config;
	config = (struct node_config){ 0 };
	return 0;
}

int node_config_read(const char *path, struct node_config *ret, struct sd_error *err)
{
	_cleanup_document_ struct document document = { 0 };
	int r = document_read(path, &document, err);

	return r < 0 ? r : from_document(&document, ret, err);
}

int node_config_parse(const char *name, const char *text, size_t len, struct node_config *ret,
        struct sd_error *err)
{
	_cleanup_document_ struct document document = { 0 };
	int r = document_parse(name, text, len, &document, err);

	return r < 0 ? r : from_document(&document, ret, err);
}

int node_config_find(const char *path, struct node_config *ret, struct sd_error *err)
{
	char file[PATH_MAX];
	int r;

	if (path) {
		r = node_config_read(path, ret, err);
		return r < 0 ? r : 1;
	}
	r = sd_root_path(file, sizeof(file), NODE_CONFIG_PATH);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot name %s", NODE_CONFIG_PATH);
	r = node_config_read(file, ret, err);
	if (r != -ENOENT)
		return r < 0 ? r : 1;
	sd_error_clear(err);
	return 0;
}

void node_config_free(struct node_config *config)
{
	for (size_t i = 0; i < config->n_pools; i++)
		pool_clear(&config->pools[i]);
	free(config->pools);
	free(config->directories);
	document_free(&config->document);
	*config = (struct node_config){ 0 };
}

const struct pool *node_config_pool(const struct node_config *config, const char *name)
{
	for (size_t i = 0; i < config->n_pools; i++)
		if (strcmp(config->pools[i].name, name) == 0)
			return &config->pools[i];
	return NULL;
}
