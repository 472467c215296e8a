/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encrypted.h"
#include "batch.h"
#include "which.h"

#include <errno.h>
#include <string.h>

static int check_state(const struct sd_mark *mark, struct sd_error *err)
{
	if (mark->state == SD_STATE_READY || mark->state == SD_STATE_USED)
		return 0;
	return sd_error_set(err, EPERM,
	        "volume %s is in state %s; only ready and used volumes have a key to work on",
	        mark->id, sd_state_name(mark->state));
}

int encrypted_take(const char *word, const char *who, struct claim *ret, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	struct sd_disk disk;
	int r;

	r = which_disk(word, &disk, err);
	if (r == 0)
		r = claim_take(&disk, who, &claim, err);
	if (r == 0)
		r = check_state(&claim.volume.mark, err);
	if (r == 0)
		r = sd_volume_partition(&claim.volume, err);
	if (r < 0)
		return r;
	*ret = claim;
	claim = (struct claim)CLAIM_INIT;
	return 0;
}

int encrypted_key(struct key_source *source, const struct sd_volume *volume, struct sd_key *ret,
        struct sd_error *err)
{
	source->device = volume->node;
	source->id = volume->mark.id;
	return key_source_read(source, ret, err);
}

sd_json *encrypted_event(const char *event, const struct sd_disk *disk, const char *id)
{
	sd_json *json = batch_event(event, disk);

	if (json)
		(void)sd_json_set_string(json, "volumeID", id);
	return json;
}
