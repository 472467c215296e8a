/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "batch.h"
#include "cleanup.h"
#include "disk_answer.h"
#include "which.h"

#include <errno.h>

static int resolve(struct batch *batch, const char *word, size_t i, struct sd_error *err)
{
	int r = which_disk(word, &batch->disks[i], err);

	if (r == 0)
		r = sd_disk_answers(&batch->disks[i], SD_DISK_LONG_PATIENCE_MS, err);
	if (r < 0)
		return r;
	for (size_t j = 0; j < i; j++)
		if (batch->disks[i].devno == batch->disks[j].devno)
			return sd_error_set(err, EINVAL, "it is named twice");
	return 0;
}

int batch_open(struct batch *batch, const struct tool *tool, char **words, size_t n,
        int (*check)(void *data, const struct sd_disk *disk, size_t i, struct sd_error *err),
        void *data)
{
	int code = TOOL_OK;

	batch->tool = tool;
	batch->n = n;
	batch->disks = calloc(n, sizeof(*batch->disks));
	for (size_t i = 0; i < n; i++) {
		struct sd_error err = SD_ERROR_INIT;
		int r = batch->disks ? resolve(batch, words[i], i, &err)
		                     : sd_error_set(&err, ENOMEM, "out of memory");

		if (r == 0)
			r = check(data, &batch->disks[i], i, &err);
		if (r == 0)
			continue;
		if (code == TOOL_OK)
			code = tool_exit_code(&err);
		tool_error(tool, words[i], tool_exit_code(&err), &err);
	}
	return code;
}

void batch_free(struct batch *batch)
{
	free(batch->disks);
}

sd_json *batch_event(const char *event, const struct sd_disk *disk)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "event", event);
	(void)sd_json_set_string(json, "disk", disk->name);
	(void)sd_json_set_string(json, "wwid", disk->wwid);
	return json;
}
