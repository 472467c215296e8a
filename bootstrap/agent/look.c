/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "look.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct disk_view) <= OUTCOME_FOUND, "a view must fit into a message");

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
}

const char *look_state(const struct disk_view *view)
{
	const struct survey survey = { .kind = view->kind, .mark.state = view->state };

	return survey_state(&survey);
}

int look_run(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	struct disk_view view = { .disk = *disk };

	(void)data;
	(void)i;
	(void)events;
	(void)err;
	if (fingerprint_take(disk, &view.seen, NULL) < 0)
		view.seen.size = 0;
	survey_disk(disk, &survey);
	view.kind = survey.kind;
	copy(view.note, sizeof(view.note), survey.note);
	if (survey.kind == SURVEY_OURS) {
		view.state = survey.mark.state;
		memcpy(view.id, survey.mark.id, sizeof(view.id));
		view.size = survey.mark.size;
		view.grew = survey.mark.disk_grew;
		view.luks = survey.luks;
		view.is_empty = survey.is_empty;
		view.is_erased = survey.mark.state == SD_STATE_PREPARING &&
		        strcmp(survey.half_done.doing, "erase") == 0;
		copy(view.filesystem, sizeof(view.filesystem), survey.filesystem);
	}
	memcpy(ret->found, &view, sizeof(view));
	return 0;
}

void look_take(const struct sd_disk *disk, const struct job_message *result, struct disk_view *ret)
{
	if (result->err.code == 0) {
		memcpy(ret, result->outcome.found, sizeof(*ret));
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->disk = *disk;
	ret->kind = SURVEY_UNKNOWN;
	copy(ret->note, sizeof(ret->note), result->err.text);
}
