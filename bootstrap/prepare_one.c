/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prepare_one.h"
#include "batch.h"
#include "recipe.h"

#include <errno.h>
#include <stdio.h>

int prepare_report(const struct tool *tool, const struct recipe *recipe, const struct sd_disk *disk,
        const struct outcome *outcome, struct sd_error *err)
{
	sd_json *json;

	if (!tool->json) {
		printf("%s: volume %s is ready%s, %s%s\n", disk->name, outcome->id,
		        outcome->done_before ? " already" : "", recipe->filesystem,
		        recipe->key ? " in LUKS2" : "");
		return 0;
	}
	json = batch_event("done", disk);
	if (!json)
		return sd_error_set(err, ENOMEM, "out of memory");
	(void)sd_json_set_string(json, "volumeID", outcome->id);
	(void)sd_json_set_string(json, "state", "ready");
	recipe_describe(recipe, json);
	(void)sd_json_set_bool(json, "changed", outcome->touched);
	return tool_print_json(json, false, err);
}
