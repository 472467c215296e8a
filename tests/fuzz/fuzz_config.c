/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The node's configuration. Whatever is taken keeps its promises (all that is required is there, sizes
 * and names are within bounds), every refusal names a line, and matching a disk ends.
 */

#include "json.h"
#include "node_config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_pool(const struct pool *pool)
{
	require(pool->name && pool->name[0] && pool->storage_class && pool->n_rules > 0);
	require((pool->mode == VOLUME_FILESYSTEM) == (pool->filesystem != NULL));
	require(pool->luks == (pool->key != NULL));
	require((pool->secret_name != NULL) == (pool->secret_namespace != NULL));
	require(pool->luks || pool->erase != POOL_ERASE_CRYPTO);
	for (size_t i = 0; i < pool->n_rules; i++) {
		const struct pool_rule *rule = &pool->rules[i];

		require(!rule->max_size || rule->min_size <= rule->max_size);
		require(!pool->automatic || pool_rule_names_disks(rule));
	}
}

static void check_match(const struct node_config *config)
{
	static const struct sd_disk disks[] = {
		{ .wwid = "eui.0025385b71b0a1f3",
		        .serial = "S4EWNX0R123456",
		        .model = "SAMSUNG MZVLB1T0HBLR-000L7",
		        .transport = "nvme",
		        .size = 1ull << 40 },
		{ .wwid = "naa.5000c500aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		        .serial =
		                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		        .transport = "scsi",
		        .rotational = true,
		        .size = 64 << 20 },
		{ .transport = "loop" },
	};

	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		char note[200] = "";
		const struct pool *pool =
		        pools_match(config->pools, config->n_pools, &disks[i], note, sizeof(note));

		require((pool != NULL) == (note[0] == '\0'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct node_config config = { 0 };
	struct sd_error err = SD_ERROR_INIT;

	sd_json_init();
	if (node_config_parse("fuzz", (const char *)data, size, &config, &err) < 0) {
		require(err.code && strncmp(err.text, "fuzz: ", 6) == 0);
		return 0;
	}
	for (size_t i = 0; i < config.n_pools; i++)
		check_pool(&config.pools[i]);
	for (size_t i = 0; i < config.n_directories; i++)
		require(config.directories[i].path[0] == '/' &&
		        config.directories[i].storage_class);
	check_match(&config);
	node_config_free(&config);
	return 0;
}
