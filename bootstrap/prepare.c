/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prepare.h"
#include "blank.h"
#include "claim.h"
#include "cleanup.h"
#include "filesystem.h"
#include "lock.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

static void step(const struct prepare *prepare, const char *name)
{
	if (prepare->events)
		prepare->events->step(prepare->events->data, name);
}

static int examine_ours(const struct sd_mark *mark, enum prepare_todo *ret, struct sd_error *err)
{
	switch (mark->state) {
	case SD_STATE_PREPARING:
		*ret = PREPARE_CONTINUE;
		return 0;
	case SD_STATE_READY:
		*ret = PREPARE_NOTHING;
		return 0;
	case SD_STATE_FAILED:
		return sd_error_set(err, EEXIST,
		        "it carries volume %s in state failed; see the log, then erase or release it",
		        mark->id);
	default:
		return sd_error_set(err, EEXIST,
		        "it carries volume %s in state %s; \"solodisk erase\" cleans it for the next tenant",
		        mark->id, sd_state_name(mark->state));
	}
}

/* The one decision, made under the disk's flock (fd), as often as it takes. */
static int examine(const struct prepare *prepare, const struct sd_disk *disk, int fd,
        enum prepare_todo *ret, struct sd_error *err)
{
	struct sd_mark mark;
	int r;

	r = sd_volume_read_mark(fd, disk, &mark, err);
	if (r == 0) {
		r = examine_ours(&mark, ret, err);
		return r < 0 ? r : content_check_size(&prepare->recipe, disk, err);
	}
	if (r == -ENOENT) {
		sd_error_clear(err);
		r = sd_disk_check_free(disk, fd, err);
		if (r == 0)
			*ret = PREPARE_FRESH;
	}
	if ((r == -EEXIST || r == -EUCLEAN) && prepare->force) {
		/* Only "not blank" may be overridden; nobody may be using it all the same. */
		sd_error_clear(err);
		r = sd_disk_check_idle(disk, fd, err);
		if (r == 0)
			*ret = PREPARE_FORCED;
	}
	return r < 0 ? r : content_check_size(&prepare->recipe, disk, err);
}

/* Whether it still is the disk that was seen, and, if it is to be overwritten, just as it was. */
static int check_seen(const struct prepare *prepare, const struct sd_disk *disk,
        enum prepare_todo todo, struct sd_error *err)
{
	struct fingerprint now;
	int r;

	if (!prepare->seen)
		return 0;
	r = fingerprint_take(disk, &now, err);
	if (r == 0)
		r = fingerprint_check_identity(prepare->seen, &now, err);
	if (r == 0 && (todo == PREPARE_FRESH || todo == PREPARE_FORCED))
		r = fingerprint_check_untouched(prepare->seen, &now, err);
	return r;
}

static int open_locked(const struct sd_disk *disk, int flags, int *ret_fd, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = sd_disk_open(disk, flags | O_CLOEXEC, &fd, err);
	if (r == 0)
		r = sd_lock_disk(fd, LOCK_EX, disk->node, CLAIM_WAIT_MS, err);
	if (r == 0)
		*ret_fd = sd_steal_fd(fd);
	return r;
}

int prepare_check(const struct prepare *prepare, const struct sd_disk *disk, enum prepare_todo *ret,
        struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = open_locked(disk, O_RDONLY, &fd, err);
	if (r == 0)
		r = examine(prepare, disk, fd, ret, err);
	return r < 0 ? r : check_seen(prepare, disk, *ret, err);
}

/* examine() was right before this, under the same lock. */
static int prepare_fresh(const struct prepare *prepare, const struct sd_disk *disk, int fd,
        bool forced, struct outcome *ret, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	int r;

	r = claim_new_id("prepare", ret->id, &claim.lock, err);
	if (r < 0)
		return r;
	if (forced) {
		ret->touched = true;
		sd_log(LOG_NOTICE, "%s (%s): not blank, made blank by force", disk->name,
		        disk->wwid);
		step(prepare, "make blank");
		r = blank_disk(disk, fd, err);
		if (r == 0) /* from here on it must be as blank as any other */
			r = sd_disk_check_free(disk, fd, err);
		if (r < 0)
			return r;
	}
	ret->touched = true;
	sd_log(LOG_NOTICE, "%s (%s): prepared as volume %s", disk->name, disk->wwid, ret->id);
	step(prepare, "table");
	r = sd_volume_create(fd, disk, ret->id, &claim.volume, err);
	return r < 0 ? r : content_make(&claim.volume, &prepare->recipe, prepare->events, err);
}

static int prepare_again(const struct prepare *prepare, const struct sd_disk *disk,
        struct outcome *ret, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	_cleanup_close_ int lock = -1;
	int r;

	r = claim_take(disk, "prepare", &claim, err);
	if (r < 0)
		return r;
	if (claim.volume.mark.state != SD_STATE_PREPARING)
		return sd_error_set(err, EEXIST, "it was in state preparing, now it is %s",
		        sd_state_name(claim.volume.mark.state));
	r = claim_make_idle(&claim, err);
	if (r < 0)
		return r;
	ret->touched = true;
	step(prepare, "new ID");
	r = claim_new_id("prepare", ret->id, &lock, err);
	if (r == 0)
		r = claim_renew(&claim, ret->id, err);
	return r < 0 ? r : content_make(&claim.volume, &prepare->recipe, prepare->events, err);
}

/* A disk that is ready already is as good as prepared if it is what the recipe makes. */
static int verify_ready(const struct prepare *prepare, const struct sd_disk *disk,
        struct outcome *ret, struct sd_error *err)
{
	const struct recipe *recipe = &prepare->recipe;
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	char type[16];
	int r;

	r = claim_take(disk, "prepare", &claim, err);
	if (r == 0)
		r = sd_volume_partition(&claim.volume, err);
	if (r < 0)
		return r;
	memcpy(ret->id, claim.volume.mark.id, sizeof(ret->id));
	if (content_is_none(recipe))
		r = content_check_none(claim.volume.node, err);
	else if (recipe->key)
		r = sd_crypt_check_key(claim.volume.node, ret->id, recipe->key, err);
	else
		r = sd_filesystem_check(claim.volume.node, ret->id, recipe->filesystem, type, err);
	if (r < 0)
		return sd_error_wrap(err, "it is volume %s already, but made otherwise", ret->id);
	ret->done_before = true;
	return 0;
}

int prepare_disk(const struct prepare *prepare, const struct sd_disk *disk, struct outcome *ret,
        struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	enum prepare_todo todo;
	int r;

	memset(ret, 0, sizeof(*ret));
	step(prepare, "check that it may be touched");
	r = open_locked(disk, O_RDWR, &fd, err);
	if (r == 0)
		r = examine(prepare, disk, fd, &todo, err);
	if (r == 0)
		r = check_seen(prepare, disk, todo, err);
	if (r < 0)
		return r;
	if (todo == PREPARE_FRESH || todo == PREPARE_FORCED)
		return prepare_fresh(prepare, disk, fd, todo == PREPARE_FORCED, ret, err);
	(void)close(sd_steal_fd(fd)); /* the claim takes its own lock, after the volume's */
	if (todo == PREPARE_CONTINUE)
		return prepare_again(prepare, disk, ret, err);
	return verify_ready(prepare, disk, ret, err);
}
