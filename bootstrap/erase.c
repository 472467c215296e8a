/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "erase.h"
#include "claim.h"
#include "cleanup.h"
#include "erase_record.h"
#include "erase_work.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void work_end(struct erase_work *work)
{
	if (work->note_fd >= 0)
		(void)close(work->note_fd);
	work->note_fd = -1;
	claim_drop(&work->claim);
}

/* From here on the disk says itself what is going on: the note comes before the state. */
static int begin(struct erase_work *work, struct outcome *ret, struct sd_error *err)
{
	const struct erase_plan *plan = work->plan;
	struct sd_volume *volume = &work->claim.volume;
	int r;

	erase_step(work, "check that nobody uses it");
	r = claim_take(&plan->disk, "erase", &work->claim, err);
	if (r < 0)
		return r;
	if (strcmp(volume->mark.id, plan->id) != 0 || volume->mark.state != plan->state)
		return sd_error_set(err, ESTALE, "it changed meanwhile; look at it and repeat");
	r = claim_make_idle(&work->claim, err);
	if (r == 0)
		r = claim_check_closed(&work->claim, err);
	if (r == 0)
		r = sd_note_open(volume->disk_fd, true, &work->note_fd, err);
	if (r < 0 || plan->state == SD_STATE_PREPARING)
		return r;
	ret->touched = true;
	sd_log(LOG_NOTICE, "%s (%s): volume %s, %s until now, is erased: %s%s", plan->disk.name,
	        plan->disk.wwid, plan->id, sd_state_name(plan->state),
	        erase_method_name(plan->method), plan->from ? ", from where it was" : "");
	erase_note(work);
	return plan->state == SD_STATE_ERASING ? 0
	                                       : sd_volume_set_state(volume, SD_STATE_ERASING, err);
}

/*
 * A new volume, for the next tenant. The new ID has its own note before the mark changes to it, so
 * that the same command goes on from either side of that change.
 */
static int finish(struct erase_work *work, struct outcome *ret, struct sd_error *err)
{
	const struct erase_plan *plan = work->plan;
	struct sd_volume *volume = &work->claim.volume;
	struct sd_note note = plan->note;
	struct recipe recipe = plan->recipe;
	_cleanup_close_ int lock = -1;
	int r;

	/* What an earlier run has erased, this one has not seen. */
	recipe.is_erased = plan->state != SD_STATE_PREPARING;

	r = claim_new_id("erase", ret->id, &lock, err);
	if (r < 0)
		return r;
	memcpy(note.id, ret->id, sizeof(note.id));
	note.method[0] = '\0';
	note.done = 0;
	r = sd_note_write(work->note_fd, volume->mark.id, &note, err);
	if (r < 0 && content_is_medium_error(r))
		content_mark_failed(volume, err);
	(void)close(sd_steal_fd(work->note_fd));
	if (r < 0)
		return r;
	r = claim_renew(&work->claim, ret->id, err);
	if (r < 0 || plan->no_prepare)
		return r;
	return content_make(volume, &recipe, work->events, err);
}

static uint64_t monotonic_seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

/* That the record cannot be written must not hide that the disk was erased. */
static void record(const struct erase_work *work, struct erase_record *record, int code,
        struct outcome *outcome, const struct sd_error *why)
{
	const struct erase_plan *plan = work->plan;
	struct sd_error err = SD_ERROR_INIT;

	record->disk = &plan->disk;
	record->id = plan->id;
	record->new_id = outcome->id;
	if (plan->state != SD_STATE_PREPARING)
		record->method = erase_method_name(plan->method);
	record->bytes = work->bytes;
	record->from = plan->from;
	record->resumed = plan->from > 0;
	record->verified = work->verified;
	record->verified_as = work->verified_as;
	record->seconds = monotonic_seconds() - record->seconds;
	record->code = code;
	record->reason = why->text;
	if (erase_record_append(record, &err) == 0)
		return;
	sd_log(LOG_ERR, "%s (%s): the erase is not in the record: %s", plan->disk.name,
	        plan->disk.wwid, err.text);
	(void)snprintf(outcome->warning, sizeof(outcome->warning),
	        "the erase is not in the record: %.400s", err.text);
}

int erase_run(const struct erase_plan *plan, const struct events *events, struct outcome *ret,
        struct sd_error *err)
{
	_cleanup_(work_end) struct erase_work work = {
		.plan = plan,
		.events = events,
		.claim = CLAIM_INIT,
		.note_fd = -1,
		.note = plan->note,
		.bytes = plan->from,
	};
	struct erase_record run = { .began = time(NULL), .seconds = monotonic_seconds() };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = begin(&work, ret, err);
	if (r == 0 && plan->state != SD_STATE_PREPARING)
		r = erase_clean(&work, err);
	if (r == 0) {
		ret->touched = true;
		r = finish(&work, ret, err);
	}
	if (ret->touched)
		record(&work, &run, r, ret, err);
	return r;
}
