/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sweep.h"
#include "claim.h"
#include "cleanup.h"
#include "crypt.h"
#include "lock.h"
#include "log.h"
#include "mounts.h"
#include "node_view.h"
#include "record.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define LOCK_MS 100 /* who has it will clean up himself */

/* The filesystem's device, as far as it is known: of the open mapping, or as it was staged. */
static int find_device(
        const struct sd_record *record, dev_t *ret, bool *ret_mapped, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r = sd_crypt_find(record->id, 0, &mapping, err);

	if (r < 0)
		return r;
	*ret_mapped = r > 0;
	if (r > 0 && mapping.reencrypting)
		return 0; /* it works on without a lock, and closes by itself */
	*ret = r > 0 ? mapping.devno : record->stage ? record->devno : 0;
	return *ret != 0;
}

static int take_away(struct sd_record *record, const struct sd_mount_list *mounts, bool mapped,
        struct sd_error *err)
{
	int r = 0;

	if (mounts->n > 0) {
		r = sd_mounts_unmount(record->stage, err);
		if (r == 0)
			sd_log(LOG_NOTICE, "unmounted the stage of volume %s, which no pod uses",
			        record->id);
	}
	if (r == 0 && mapped) {
		r = sd_crypt_close_dead(record->id, err);
		if (r == 0)
			r = sd_crypt_close(record->id, err);
		if (r >= 0)
			sd_log(LOG_NOTICE, "closed the mapping of volume %s, which no pod uses",
			        record->id);
	}
	if (r >= 0 && (!record->stage || record->stage_is_ours))
		r = claim_forget(record, err);
	return r < 0 ? r : 0;
}

static int sweep_volume(const char *id, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list mounts = { 0 };
	_cleanup_record_ struct sd_record record = { 0 };
	_cleanup_close_ int lock = -1;
	bool mapped = false;
	dev_t devno = 0;
	int r;

	if (sd_lock_volume(id, "sweep", LOCK_MS, &lock, NULL) < 0)
		return 0;
	r = sd_record_read(id, &record, err);
	if (r == 0)
		r = find_device(&record, &devno, &mapped, err);
	if (r <= 0)
		return r;
	r = sd_mounts_of_device(devno, &mounts, err);
	if (r < 0)
		return r;
	if (mounts.n > 0 && !claim_is_unused_stage(&mounts, &record))
		return 0;
	if (mounts.n == 0 && !mapped && !(record.stage && record.stage_is_ours))
		return 0;
	r = take_away(&record, &mounts, mapped, err);
	return r == -EBUSY ? 0 : r; /* used in a way that is not seen from here */
}

static void sweep_one(const char *id, struct sd_error *err)
{
	struct sd_error why = SD_ERROR_INIT;

	if (sd_id_is_valid(id) && sweep_volume(id, &why) < 0)
		sd_error_set(err, why.code, "volume %s: %s", id, why.text);
}

/* Of what is written down of volumes. */
static void sweep_records(struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], id[SD_ID_SIZE];

	if (sd_root_path(path, sizeof(path), "/run/solodisk/volume") < 0)
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strlen(entry->d_name) != SD_ID_SIZE - 1 + strlen(".json") ||
		        strcmp(entry->d_name + SD_ID_SIZE - 1, ".json") != 0)
			continue;
		memcpy(id, entry->d_name, SD_ID_SIZE - 1);
		id[SD_ID_SIZE - 1] = '\0';
		sweep_one(id, err);
	}
}

/* Of what is open, whoever opened it. */
static void sweep_mappings(struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX], name[128], id[SD_ID_SIZE];

	if (sd_root_path(path, sizeof(path), "/sys/block") < 0)
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "dm-", 3) == 0 &&
		        sd_root_read(name, sizeof(name), "/sys/block/%s/dm/name", entry->d_name) ==
		                0 &&
		        sd_id_from_mapping_name(name, id) == 0)
			sweep_one(id, err);
}

int sweep_run(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err)
{
	int own;

	(void)data;
	(void)disk;
	(void)i;
	(void)events;
	(void)ret;
	/* This is a child with nothing else to do, so it stays there. */
	if (node_view_enter(&own, err) < 0)
		return -err->code;
	sweep_records(err);
	sweep_mappings(err);
	if (own >= 0)
		(void)close(own);
	return -err->code;
}
