/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "describe.h"
#include "erase_record.h"

#include <stdio.h>
#include <string.h>

const char *describe_filesystem(const struct survey *survey, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s%s", survey->filesystem,
	        survey->luks && survey->filesystem[0] ? " in " : "", survey->luks ? "LUKS2" : "");
	return buf;
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

sd_json *describe_disk(const struct sd_disk *disk)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "name", disk->name);
	(void)sd_json_set_string(json, "node", disk->node);
	(void)sd_json_set_int(json, "size", (int64_t)disk->size);
	(void)sd_json_set_int(json, "sectorSize", disk->sector_size);
	(void)sd_json_set_string(json, "transport", disk->transport);
	(void)sd_json_set_string(json, "model", or_null(disk->model));
	(void)sd_json_set_string(json, "serial", or_null(disk->serial));
	(void)sd_json_set_string(json, "wwid", or_null(disk->wwid));
	(void)sd_json_set_bool(json, "wwidRepeated", disk->wwid_repeated);
	(void)sd_json_set_bool(json, "rotational", disk->rotational);
	return json;
}

/* NULL where nothing is half done. */
static sd_json *describe_half_done(const struct survey *survey)
{
	const struct sd_note *note = &survey->half_done;
	sd_json *json = note->doing[0] ? sd_json_object() : NULL;
	char when[ERASE_TIME_SIZE];

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "doing", note->doing);
	(void)sd_json_set_string(json, "method", or_null(note->method));
	(void)sd_json_set_string(json, "since", erase_time(note->since, when));
	if (note->method[0])
		(void)sd_json_set_int(json, "done", (int64_t)note->done);
	(void)sd_json_set_string(json, "filesystem", or_null(note->filesystem));
	(void)sd_json_set_string(json, "encryption", or_null(note->encryption));
	return json;
}

static sd_json *describe_failure(const struct survey *survey)
{
	const struct sd_note *note = &survey->half_done;
	sd_json *json = note->reason[0] ? sd_json_object() : NULL;
	char when[ERASE_TIME_SIZE];

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "reason", note->reason);
	if (note->failed_at)
		(void)sd_json_set_string(json, "time", erase_time(note->failed_at, when));
	return json;
}

static sd_json *describe_volume(const struct survey *survey)
{
	sd_json *json = sd_json_object(), *part;

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "id", survey->mark.id);
	(void)sd_json_set_string(json, "partition", or_null(survey->partition));
	(void)sd_json_set_int(json, "size", (int64_t)survey->mark.size);
	(void)sd_json_set_string(json, "filesystem", or_null(survey->filesystem));
	(void)sd_json_set_string(json, "encryption", survey->luks ? "luks2" : NULL);
	(void)sd_json_set_bool(json, "tableNeedsRepair", survey->mark.needs_repair);
	(void)sd_json_set_bool(json, "diskGrew", survey->mark.disk_grew);
	if ((part = describe_half_done(survey)))
		(void)sd_json_set(json, "halfDone", part);
	if ((part = describe_failure(survey)))
		(void)sd_json_set(json, "failure", part);
	if (survey->mapping_open > 0)
		(void)sd_json_set_string(json, "mapping", survey->mapping.name);
	(void)sd_json_set_string(json, "mappingFault", or_null(survey->mapping_note));
	(void)sd_json_set(json, "mounts", sd_json_array());
	for (size_t i = 0; i < survey->mounts.n; i++)
		(void)sd_json_append(sd_json_get(json, "mounts"),
		        sd_json_string(survey->mounts.mount[i].target));
	return json;
}

sd_json *describe_survey(const struct survey *survey)
{
	sd_json *json = describe_disk(&survey->disk);

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "state", survey_state(survey));
	(void)sd_json_set_bool(json, "mayBePrepared", survey->kind == SURVEY_BLANK);
	(void)sd_json_set_string(json, "note", survey->note);
	if (survey->kind == SURVEY_OURS)
		(void)sd_json_set(json, "volume", describe_volume(survey));
	return json;
}
