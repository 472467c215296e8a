/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a node's memory (/run/solodisk/volume/<ID>.json) says of a volume: where it is staged, to
 * which targets it is bound, and what is being done right now. It goes with a reboot, as mounts do.
 * Read and written only under the volume's lock; replaced by rename, so never seen half.
 */

#include "error.h"
#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sd_record {
	char id[SD_ID_SIZE];
	char *stage; /* directory; NULL: not staged by us */
	dev_t devno; /* of the filesystem that is mounted there; what else is there is not ours */
	bool stage_is_ours; /* made by mount (attach: false), so the last unmount takes it away */
	/* The call in flight: a target (mount) or a stage (mountdevice) that is to be undone if the
	 * call did not finish. call is the front's token, "" when nothing is in flight. */
	char call[33];
	char *doing;       /* the target or stage directory of that call */
	bool stage_is_new; /* that call made the stage, so undoing it takes the stage away too */
	bool committed;    /* the call finished its work; only its own front may still undo it */
	char **targets;
	size_t n_targets;
};

/* Reads it; no record: an empty one for this ID. Free with sd_record_free(). */
int sd_record_read(const char *id, struct sd_record *ret, struct sd_error *err);
/* Writes it, or removes the file when nothing is staged, bound or in flight. */
int sd_record_write(const struct sd_record *record, struct sd_error *err);
void sd_record_free(struct sd_record *record);
#define _cleanup_record_ __attribute__((cleanup(sd_record_free)))

int sd_record_set(char **field, const char *value, struct sd_error *err); /* NULL clears */
int sd_record_add_target(struct sd_record *record, const char *target, struct sd_error *err);
void sd_record_remove_target(struct sd_record *record, const char *target);
bool sd_record_has_target(const struct sd_record *record, const char *target);

/*
 * Which volume a directory belongs to, as target, stage or work in flight. Returns 1 (ret_id filled),
 * 0: none. Takes no lock: the caller locks the volume and reads the record again.
 */
int sd_record_find(const char *dir, char ret_id[SD_ID_SIZE], struct sd_error *err);
