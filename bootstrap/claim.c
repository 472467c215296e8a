/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"
#include "cleanup.h"
#include "crypt.h"
#include "lock.h"
#include "log.h"
#include "mounts.h"
#include "node_view.h"
#include "opened.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CLOSE_WAIT_MS 3000
#define CLOSE_TICK_MS 200

int claim_take(const struct sd_disk *disk, const char *who, struct claim *ret, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	char id[SD_ID_SIZE];
	int r;

	/* The volume's lock comes before the disk's, but only the disk says which volume it is. */
	r = sd_volume_open(disk, LOCK_SH, CLAIM_WAIT_MS, &claim.volume, err);
	if (r < 0)
		return r;
	memcpy(id, claim.volume.mark.id, sizeof(id));
	sd_volume_close(&claim.volume);
	r = sd_lock_volume(id, who, CLAIM_WAIT_MS, &claim.lock, err);
	if (r == 0)
		r = sd_volume_open(disk, LOCK_EX, CLAIM_WAIT_MS, &claim.volume, err);
	if (r < 0)
		return r;
	if (strcmp(claim.volume.mark.id, id) != 0)
		return sd_error_set(err, ESTALE,
		        "somebody else made volume %s into %s meanwhile; look again and repeat", id,
		        claim.volume.mark.id);
	*ret = claim;
	claim = (struct claim)CLAIM_INIT;
	return 0;
}

void claim_drop(struct claim *claim)
{
	sd_volume_close(&claim->volume);
	if (claim->lock >= 0)
		(void)close(claim->lock);
	claim->lock = -1;
}

bool claim_is_unused_stage(const struct sd_mount_list *mounts, const struct sd_record *record)
{
	return mounts->n == 1 && record->stage && record->stage_is_ours &&
	        strcmp(mounts->mount[0].target, record->stage) == 0 &&
	        strcmp(mounts->mount[0].root, "/") == 0;
}

static int refuse_mounted(
        const struct claim *claim, const struct sd_mount_list *mounts, struct sd_error *err)
{
	char where[700] = "";
	size_t used = 0;

	for (size_t i = 0; i < mounts->n && used < sizeof(where); i++)
		used += (size_t)snprintf(where + used, sizeof(where) - used, "%s%s", i ? ", " : "",
		        mounts->mount[i].target);
	return sd_error_set(err, EBUSY, "volume %s is in use, mounted at %s; stop its pods first",
	        claim->volume.mark.id, where);
}

int claim_forget(struct sd_record *record, struct sd_error *err)
{
	char id[SD_ID_SIZE];

	if (record->stage && record->stage_is_ours)
		(void)rmdir(record->stage);
	memcpy(id, record->id, sizeof(id));
	sd_record_free(record);
	*record = (struct sd_record){ 0 };
	memcpy(record->id, id, sizeof(id));
	return sd_record_write(record, err);
}

/* Who uses the volume, seen from here; taken apart from what is done about it. */
struct usage {
	int mapped;
	struct sd_mount_list mounts;
	struct sd_record record;
};

static void usage_free(struct usage *usage)
{
	sd_mount_list_free(&usage->mounts);
	sd_record_free(&usage->record);
}

/* -EBUSY when there is more than what we may take away ourselves. */
static int usage_read(struct claim *claim, struct usage *ret, struct sd_error *err)
{
	struct sd_volume *volume = &claim->volume;
	struct sd_mapping mapping;
	int r;

	r = sd_volume_partition(volume, err);
	if (r == 0) /* one that lies on a dead disk keeps nobody from this one, if it is unused */
		r = sd_crypt_close_dead(volume->mark.id, err);
	if (r >= 0)
		r = ret->mapped = sd_crypt_find(volume->mark.id, volume->devno, &mapping, err);
	if (r >= 0)
		r = sd_mounts_of_device(
		        ret->mapped ? mapping.devno : volume->devno, &ret->mounts, err);
	if (r == 0)
		r = sd_record_read(volume->mark.id, &ret->record, err);
	if (r == 0 && ret->mounts.n > 0 && !claim_is_unused_stage(&ret->mounts, &ret->record))
		r = refuse_mounted(claim, &ret->mounts, err);
	return r;
}

static int close_unused(struct claim *claim, struct usage *usage, struct sd_error *err)
{
	const char *id = claim->volume.mark.id;
	int r;

	if (usage->mounts.n > 0) {
		r = sd_mounts_unmount(usage->record.stage, err);
		if (r < 0)
			return r;
		sd_log(LOG_INFO, "unmounted the unused stage of volume %s", id);
	}
	if (usage->mapped) {
		r = sd_crypt_close(id, err);
		if (r < 0)
			return r;
		sd_log(LOG_INFO, "closed the idle mapping of volume %s", id);
	}
	return claim_forget(&usage->record, err);
}

/* Where its stage would be seen; close: and taken away. */
static int look_on_node(struct claim *claim, bool close, struct sd_error *err)
{
	_cleanup_(usage_free) struct usage usage = { 0 };
	int own, r, back;

	r = node_view_enter(&own, err);
	if (r < 0)
		return r;
	r = usage_read(claim, &usage, err);
	if (r == 0 && close)
		r = close_unused(claim, &usage, err);
	back = node_view_leave(own, err);
	return back < 0 ? back : r;
}

int claim_check_unused(struct claim *claim, struct sd_error *err)
{
	return look_on_node(claim, false, err);
}

int claim_make_idle(struct claim *claim, struct sd_error *err)
{
	struct sd_volume *volume = &claim->volume;
	_cleanup_close_ int fd = -1;
	int r;

	r = look_on_node(claim, true, err);
	/* Still other mount namespaces are not seen; the kernel's own word is O_EXCL. */
	if (r == 0)
		r = sd_disk_check_idle(&volume->disk, volume->disk_fd, err);
	if (r < 0)
		return r;
	fd = open(volume->node, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return sd_error_errno(err, errno, "%s cannot be had alone", volume->node);
	return 0;
}

int claim_check_closed(struct claim *claim, struct sd_error *err)
{
	const struct sd_volume *volume = &claim->volume;
	int r = 0;

	/* udevd opens each device that somebody has written to, for a moment. */
	for (unsigned ms = 0; ms <= CLOSE_WAIT_MS && volume->mark.state == SD_STATE_USED;
	        ms += CLOSE_TICK_MS) {
		sd_error_clear(err);
		r = opened_check(volume->devno, err);
		if (r != -EBUSY)
			break;
		(void)usleep(CLOSE_TICK_MS * 1000);
	}
	return r < 0 ? sd_error_wrap(err, "volume %s is in use", volume->mark.id) : 0;
}

int claim_renew(struct claim *claim, const char *new_id, struct sd_error *err)
{
	const struct sd_volume *volume = &claim->volume;
	char old[SD_ID_SIZE];
	int r;

	memcpy(old, volume->mark.id, sizeof(old));
	r = sd_volume_renew(&claim->volume, new_id, err);
	if (r == 0)
		sd_log(LOG_NOTICE, "%s (%s): volume %s became %s", volume->disk.name,
		        volume->disk.wwid, old, new_id);
	return r;
}

int claim_new_id(const char *who, char ret_id[SD_ID_SIZE], int *ret_lock, struct sd_error *err)
{
	int r = sd_id_new(ret_id, err);

	return r < 0 ? r : sd_lock_volume(ret_id, who, CLAIM_WAIT_MS, ret_lock, err);
}
