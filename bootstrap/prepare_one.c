/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prepare_one.h"
#include "batch.h"
#include "recipe.h"

#include <errno.h>
#include <stdio.h>

static int report(const struct tool *tool, const struct recipe *recipe, const struct sd_disk *disk,
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

int prepare_one(const struct tool *tool, const struct prepare *what, const struct sd_disk *disk)
{
	struct sd_error err = SD_ERROR_INIT;
	struct prepare prepare = *what;
	struct progress progress;
	struct outcome outcome;
	struct events events = progress_begin(&progress, tool, disk->name);
	int code, r;

	prepare.events = &events;
	r = prepare_disk(&prepare, disk, &outcome, &err);
	progress_end(&progress);
	if (r == 0)
		r = report(tool, &prepare.recipe, disk, &outcome, &err);
	if (r == 0)
		return TOOL_OK;
	code = outcome.touched ? TOOL_FAILED : tool_exit_code(&err);
	if (outcome.touched && !content_is_medium_error(r))
		sd_error_set(&err, err.code, "%s; the same command goes on from here", err.text);
	tool_error(tool, disk->name, code, &err);
	return code;
}
