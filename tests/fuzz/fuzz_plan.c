/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A plan file. One that is taken names each disk once, and written again it is the same plan. */

#include "plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_disk(const struct plan_disk *disk)
{
	require(disk->seen.wwid[0] && disk->name[0] && disk->seen.boot_id[0]);
	require(disk->seen.size >= SD_DISK_MIN_SIZE && disk->seen.sector_size >= 512);
	require(strcmp(disk->filesystem, "xfs") == 0 || strcmp(disk->filesystem, "ext4") == 0);
	require(disk->luks == (disk->key[0] || disk->key_file[0]));
}

static char *write_plan(const struct plan *plan)
{
	struct sd_error err = SD_ERROR_INIT;
	sd_json *json = NULL;
	char *text;

	require(plan_to_json(plan, &json, &err) == 0);
	text = sd_json_pretty(json);
	sd_json_free(json);
	require(text != NULL);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan = { 0 }, again = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	char *text, *text_again;

	sd_json_init();
	if (plan_parse("fuzz", (const char *)data, size, &plan, &err) < 0) {
		require(err.code && strncmp(err.text, "fuzz: ", 6) == 0);
		return 0;
	}
	for (size_t i = 0; i < plan.n_disks; i++)
		check_disk(&plan.disks[i]);
	text = write_plan(&plan);
	require(plan_parse("again", text, strlen(text), &again, &err) == 0);
	text_again = write_plan(&again);
	require(strcmp(text, text_again) == 0);
	free(text);
	free(text_again);
	plan_free(&plan);
	plan_free(&again);
	return 0;
}
