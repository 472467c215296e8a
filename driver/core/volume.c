/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "volume.h"
#include "blockdev.h"
#include "cleanup.h"
#include "lock.h"
#include "mark.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define NODE_WAIT_MS 1000 /* udevd takes a partition's node away for up to 0.3 s while it looks */
#define NODE_STEP_MS 5

/* docs/design.md, "On the disk": who may change it, to what. Staying as it is always is allowed. */
static const struct {
	enum sd_state from, to;
} volume_changes[] = {
	{ SD_STATE_PREPARING, SD_STATE_READY },
	{ SD_STATE_PREPARING, SD_STATE_FAILED },
	{ SD_STATE_READY, SD_STATE_USED },
	{ SD_STATE_READY, SD_STATE_ERASING },
	{ SD_STATE_USED, SD_STATE_ERASING },
	{ SD_STATE_ERASING, SD_STATE_FAILED },
	{ SD_STATE_FAILED, SD_STATE_ERASING },
};

static bool volume_change_is_allowed(enum sd_state from, enum sd_state to)
{
	size_t i;

	for (i = 0; i < SD_ARRAY_SIZE(volume_changes); i++)
		if (volume_changes[i].from == from && volume_changes[i].to == to)
			return true;
	return false;
}

void sd_volume_close(struct sd_volume *volume)
{
	if (volume->disk_fd >= 0)
		(void)close(volume->disk_fd); /* and with it goes the flock */
	volume->disk_fd = -1;
	volume->lock = LOCK_UN;
}

int sd_volume_reread(struct sd_volume *volume, struct sd_gpt *ret_gpt, struct sd_error *err)
{
	struct sd_mark mark;
	struct sd_gpt gpt;
	int r;

	r = sd_mark_read(volume->disk_fd, &volume->disk, &mark, &gpt, err);
	if (r == -ENOENT)
		return sd_error_set(err, ESTALE,
		        "%s does not carry volume %s any more: another program changed its table",
		        volume->disk.node, volume->mark.id);
	if (r < 0)
		return r;
	if (strcmp(mark.id, volume->mark.id) != 0 || mark.number != volume->mark.number ||
	        mark.start != volume->mark.start)
		return sd_error_set(err, ESTALE,
		        "%s carried volume %s a moment ago, now %s: try again", volume->disk.node,
		        volume->mark.id, mark.id);
	volume->mark = mark;
	if (ret_gpt)
		*ret_gpt = gpt;
	return 0;
}

int sd_volume_repair(struct sd_volume *volume, struct sd_error *err)
{
	struct sd_mark mark;
	struct sd_gpt gpt;
	int r;

	r = sd_volume_reread(volume, &gpt, err);
	if (r < 0 || !volume->mark.needs_repair)
		return r;
	mark = volume->mark;
	r = sd_mark_write(volume->disk_fd, &volume->disk, sd_mark_disk_guid(&gpt), &mark, err);
	if (r == 0)
		volume->mark = mark;
	return r;
}

int sd_volume_lock_exclusive(struct sd_volume *volume, unsigned timeout_ms, struct sd_error *err)
{
	enum sd_state state = volume->mark.state;
	int r;

	if (volume->lock != LOCK_EX) {
		r = sd_lock_disk(volume->disk_fd, LOCK_EX, volume->disk.node, timeout_ms, err);
		if (r < 0) {
			/* flock(2): a conversion that fails loses the lock that was held */
			if (flock(volume->disk_fd, LOCK_SH | LOCK_NB) < 0)
				volume->lock = LOCK_UN;
			return r;
		}
		volume->lock = LOCK_EX;
	}
	r = sd_volume_repair(volume, err);
	if (r == 0 && volume->mark.state != state)
		return sd_error_set(err, ESTALE,
		        "volume %s on %s was \"%s\" a moment ago and is \"%s\" now: try again",
		        volume->mark.id, volume->disk.node, sd_state_name(state),
		        sd_state_name(volume->mark.state));
	return r;
}

int sd_volume_write(struct sd_volume *volume, const struct sd_mark *want, struct sd_error *err)
{
	struct sd_mark mark = *want;
	struct sd_gpt gpt;
	int r;

	if (volume->lock != LOCK_EX)
		return sd_error_set(err, ENOLCK, "%s is not locked for writing", volume->disk.node);
	r = sd_volume_reread(volume, &gpt, err);
	if (r == 0)
		r = sd_mark_write(
		        volume->disk_fd, &volume->disk, sd_mark_disk_guid(&gpt), &mark, err);
	if (r == 0)
		volume->mark = mark;
	return r;
}

int sd_volume_set_state(struct sd_volume *volume, enum sd_state state, struct sd_error *err)
{
	struct sd_mark mark;
	int r;

	if (volume->lock != LOCK_EX)
		return sd_error_set(err, ENOLCK, "%s is not locked for writing", volume->disk.node);
	r = sd_volume_repair(volume, err);
	if (r < 0)
		return r;
	mark = volume->mark;
	if (mark.state == state)
		return 0;
	if (!volume_change_is_allowed(mark.state, state))
		return sd_error_set(err, EINVAL,
		        "volume %s on %s is \"%s\" and cannot become \"%s\"", mark.id,
		        volume->disk.node, sd_state_name(mark.state), sd_state_name(state));
	mark.state = state;
	return sd_volume_write(volume, &mark, err);
}

int sd_volume_renew(struct sd_volume *volume, const char *new_id, struct sd_error *err)
{
	struct sd_mark mark = volume->mark;

	if (mark.state != SD_STATE_ERASING && mark.state != SD_STATE_PREPARING)
		return sd_error_set(err, EINVAL,
		        "volume %s on %s is \"%s\": only one that was erased gets a new ID",
		        mark.id, volume->disk.node, sd_state_name(mark.state));
	if (!sd_id_is_valid(new_id))
		return sd_error_set(err, EINVAL, "\"%.64s\" is not a volume ID", new_id);
	memcpy(mark.id, new_id, sizeof(mark.id));
	mark.state = SD_STATE_PREPARING;
	return sd_volume_write(volume, &mark, err);
}

/*
 * The kernel's entry for the volume's partition, made as large as the table has it. Returns 1: *ret
 * filled; 0: it has none.
 */
static int volume_kernel_partition(
        const struct sd_volume *volume, struct sd_partition *ret, struct sd_error *err)
{
	_cleanup_partitions_ struct sd_partitions parts = { NULL, 0 };
	const struct sd_mark *mark = &volume->mark;
	int r = sd_disk_partitions(&volume->disk, &parts, err);
	int found = 0;
	size_t i;

	for (i = 0; r == 0 && i < parts.n; i++) {
		struct sd_partition *p = &parts.partition[i];

		if (p->number != mark->number || p->start != mark->start || p->size > mark->size)
			return sd_error_set(err, EUCLEAN,
			        "the kernel shows %s at byte %" PRIu64 " with %" PRIu64
			        " bytes, but the table of %s has partition %u at %" PRIu64
			        " with %" PRIu64 "; when nothing uses it, run \"partx -u %s\"",
			        p->name, p->start, p->size, volume->disk.node, mark->number,
			        mark->start, mark->size, volume->disk.node);
		if (p->size < mark->size)
			r = sd_blockdev_resize_partition(
			        volume->disk_fd, mark->number, mark->start, mark->size, err);
		p->size = mark->size;
		*ret = *p;
		found = 1;
	}
	return r < 0 ? r : found;
}

static int volume_wait_for_node(const struct sd_partition *p, struct sd_error *err)
{
	const struct timespec step = { 0, NODE_STEP_MS * 1000000L };
	unsigned waited;
	struct stat st;

	for (waited = 0;; waited += NODE_STEP_MS) {
		if (stat(p->node, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == p->devno)
			return 0;
		if (waited >= NODE_WAIT_MS)
			return sd_error_set(err, ETIMEDOUT,
			        "the kernel has %s, but %s is not it; is /dev the host's?", p->name,
			        p->node);
		(void)nanosleep(&step, NULL);
	}
}

int sd_volume_partition(struct sd_volume *volume, struct sd_error *err)
{
	const struct sd_mark *mark = &volume->mark;
	struct sd_partition p;
	int r;

	if (sd_blockdev_is_image(volume->disk_fd))
		return 0;
	r = volume_kernel_partition(volume, &p, err);
	if (r == 0) {
		r = sd_blockdev_add_partition(
		        volume->disk_fd, mark->number, mark->start, mark->size, err);
		if (r == -EINVAL && !strcmp(volume->disk.transport, "loop"))
			return sd_error_set(err, EINVAL,
			        "%s shows no partitions; set it up with \"losetup --partscan\"",
			        volume->disk.node);
		/* -EBUSY: it was added meanwhile, by udev or partprobe; the next look tells */
		if (r == 0 || r == -EBUSY)
			r = volume_kernel_partition(volume, &p, err);
		if (r == 0)
			return sd_error_set(err, EBUSY,
			        "the kernel does not show partition %u of %s", mark->number,
			        volume->disk.node);
	}
	if (r < 0) {
		(void)sd_error_wrap(err, "%s", volume->disk.node);
		return r;
	}
	r = volume_wait_for_node(&p, err);
	if (r < 0)
		return r;
	memcpy(volume->node, p.node, sizeof(volume->node));
	volume->devno = p.devno;
	return 0;
}
