/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "disk_answer.h"
#include "lock.h"
#include "log.h"
#include "mark.h"
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

static void volume_disarm(struct sd_volume *from, struct sd_volume *to)
{
	*to = *from;
	from->disk_fd = -1;
}

int sd_volume_open(const struct sd_disk *disk, int operation, unsigned timeout_ms,
        struct sd_volume *ret, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_gpt gpt;
	int r;

	volume.disk = *disk;
	r = sd_disk_open(disk, O_RDONLY, &volume.disk_fd, err);
	if (r < 0)
		return r;
	r = sd_lock_disk(volume.disk_fd, operation, disk->node, timeout_ms, err);
	if (r < 0)
		return r;
	volume.lock = operation;
	r = sd_mark_read(volume.disk_fd, disk, &volume.mark, &gpt, err);
	if (r < 0)
		return r;
	if (volume.mark.needs_repair) {
		/* the lock stays exclusive: going back would be one more moment without any */
		r = sd_volume_lock_exclusive(&volume, timeout_ms, err);
		if (r < 0) {
			(void)sd_error_wrap(
			        err, "the partition table of %s needs repair", disk->node);
			return r;
		}
		sd_log(LOG_NOTICE, "%s: repaired the partition table of volume %s", disk->name,
		        volume.mark.id);
	}
	volume_disarm(&volume, ret);
	return 0;
}

/* The one disk with this identity. */
static int find_by_wwid(const struct sd_disks *disks, const char *wwid, const struct sd_disk **ret,
        struct sd_error *err)
{
	size_t i;

	for (i = 0; i < disks->n; i++) {
		const struct sd_disk *disk = &disks->disk[i];

		if (disk->hidden || strcmp(disk->wwid, wwid) != 0)
			continue;
		if (*ret)
			return sd_error_set(err, ENOTUNIQ,
			        "%s and %s both have the WWID %s (two paths to one disk?), so neither "
			        "is used",
			        (*ret)->name, disk->name, wwid);
		*ret = disk;
	}
	if (!*ret)
		return sd_error_set(err, ENODEV,
		        "no disk with the WWID %s is in this node; was it pulled, or moved elsewhere?",
		        wwid);
	return 0;
}

static bool disk_carries(const struct sd_disk *disk, const char *id, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_mark mark;

	if (sd_disk_answers(disk, SD_DISK_PATIENCE_MS, err) < 0 ||
	        sd_disk_open(disk, O_RDONLY, &fd, err) < 0)
		return false;
	return sd_volume_read_mark(fd, disk, &mark, err) == 0 && !strcmp(mark.id, id);
}

/* Reads every disk. One that cannot be read is named only if no other carries the volume. */
static int find_by_reading(const struct sd_disks *disks, const char *id, const struct sd_disk **ret,
        struct sd_error *err)
{
	struct sd_error unread = SD_ERROR_INIT;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		const struct sd_disk *disk = &disks->disk[i];
		struct sd_error e = SD_ERROR_INIT;

		if (disk->hidden || !disk->size)
			continue;
		if (!disk_carries(disk, id, &e)) {
			if (e.code && e.code != ENOENT && !unread.code)
				unread = e;
			continue;
		}
		if (*ret)
			return sd_error_set(err, ENOTUNIQ,
			        "%s and %s both carry volume %s (a copied disk, or two paths to one?), "
			        "so neither is used; take one away",
			        (*ret)->name, disk->name, id);
		*ret = disk;
	}
	if (*ret)
		return 0;
	if (unread.code)
		return sd_error_set(err, ENODEV,
		        "volume %s was not found, but not every disk could be read: %s", id,
		        unread.text);
	return sd_error_set(err, ENODEV,
	        "volume %s is on no disk of this node; was its disk pulled, or moved elsewhere?",
	        id);
}

int sd_volume_find(const char *id, const char *wwid, int operation, unsigned timeout_ms,
        struct sd_volume *ret, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	_cleanup_disks_ struct sd_disks disks = { NULL, 0 };
	const struct sd_disk *disk = NULL;
	bool by_wwid;
	int r;

	if (!sd_id_is_valid(id))
		return sd_error_set(err, EINVAL, "\"%.64s\" is not a volume ID", id ? id : "");
	by_wwid = wwid && wwid[0];
	r = by_wwid ? sd_disks_read_wwid(wwid, &disks, err) : sd_disks_read(&disks, err);
	if (r < 0)
		return r;
	if (by_wwid)
		r = find_by_wwid(&disks, wwid, &disk, err);
	else
		r = find_by_reading(&disks, id, &disk, err);
	if (r < 0)
		return r;
	r = sd_volume_open(disk, operation, timeout_ms, &volume, err);
	if (r == -ENOENT)
		return sd_error_set(err, ENODEV,
		        "%s is the disk meant, but it carries no solodisk volume any more",
		        disk->node);
	if (r < 0)
		return r;
	if (strcmp(volume.mark.id, id) != 0)
		return sd_error_set(err, ESTALE,
		        "%s carries volume %s (\"%s\"), not %s: its volume was erased since, and this "
		        "PersistentVolume is out of date",
		        disk->node, volume.mark.id, sd_state_name(volume.mark.state), id);
	volume_disarm(&volume, ret);
	return 0;
}
