/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blockdev.h"
#include "cleanup.h"
#include "mark.h"
#include "note.h"
#include "remains.h"
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

/* Takes every partition of a disk off the kernel's list, so that none outlives the table. */
static int layout_forget_partitions(int fd, const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_partitions_ struct sd_partitions parts = { NULL, 0 };
	size_t i;
	int r;

	if (sd_blockdev_is_image(fd))
		return 0;
	r = sd_disk_partitions(disk, &parts, err);
	for (i = 0; r == 0 && i < parts.n; i++)
		r = sd_blockdev_delete_partition(fd, parts.partition[i].number, err);
	if (r < 0)
		(void)sd_error_wrap(err, "%s", disk->node);
	return r;
}

/* Zeroes a range unless it is zero; a range that has to end with the disk is cut to it. */
static int layout_clear(
        int fd, const struct sd_disk *disk, uint64_t offset, uint64_t len, struct sd_error *err)
{
	int r = sd_blockdev_is_zero(fd, offset, len, NULL, err);

	if (r == 0)
		r = sd_blockdev_zero(fd, offset, len, err);
	if (r < 0)
		(void)sd_error_wrap(err, "%s cannot be cleared", disk->node);
	return r < 0 ? r : 0;
}

static int layout_clear_ends(int fd, const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_close_ int direct = -1;
	int r = sd_blockdev_reopen(fd, O_RDWR | O_DIRECT, &direct, err);

	if (r < 0) {
		(void)sd_error_wrap(err, "%s", disk->node);
		return r;
	}
	r = layout_clear(direct, disk, disk->size - SD_MIB, SD_MIB, err);
	return r < 0 ? r : layout_clear(direct, disk, 0, SD_MIB, err);
}

static int layout_create(int fd, const struct sd_disk *disk, const char *id, enum sd_state state,
        struct sd_volume *ret, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	char disk_guid[SD_ID_SIZE];
	int r;

	if (disk->size < SD_DISK_MIN_SIZE)
		return sd_error_set(err, EINVAL, "%s is smaller than %llu MiB", disk->node,
		        SD_DISK_MIN_SIZE / SD_MIB);
	if (!sd_id_is_valid(id))
		return sd_error_set(err, EINVAL, "\"%.64s\" is not a volume ID", id);
	r = sd_id_new(disk_guid, err);
	if (r < 0)
		return r;
	volume.disk = *disk;
	volume.lock = LOCK_EX;
	memcpy(volume.mark.id, id, sizeof(volume.mark.id));
	volume.mark.state = state;
	volume.mark.number = 1;
	sd_mark_layout(disk->size, &volume.mark.start, &volume.mark.size);
	volume.disk_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (volume.disk_fd < 0)
		return sd_error_errno(err, errno, "%s", disk->node);
	r = layout_forget_partitions(fd, disk, err);
	if (r == 0)
		r = layout_clear_ends(fd, disk, err);
	if (r == 0)
		r = sd_mark_write(fd, disk, disk_guid, &volume.mark, err);
	if (r == 0)
		r = sd_volume_partition(&volume, err);
	if (r < 0)
		return r;
	*ret = volume;
	volume.disk_fd = -1;
	return 0;
}

int sd_volume_create(int fd, const struct sd_disk *disk, const char *id, struct sd_volume *ret,
        struct sd_error *err)
{
	return layout_create(fd, disk, id, SD_STATE_PREPARING, ret, err);
}

int sd_volume_recreate(int fd, const struct sd_disk *disk, const char *id, struct sd_volume *ret,
        struct sd_error *err)
{
	return layout_create(fd, disk, id, SD_STATE_ERASING, ret, err);
}

int sd_volume_grow(struct sd_volume *volume, struct sd_error *err)
{
	struct sd_mark mark;
	int r;

	if (volume->lock != LOCK_EX)
		return sd_error_set(err, ENOLCK, "%s is not locked for writing", volume->disk.node);
	r = sd_volume_repair(volume, err);
	if (r < 0)
		return r;
	mark = volume->mark;
	if (mark.disk_grew) {
		uint64_t start, size;

		sd_mark_layout(volume->disk.size, &start, &size);
		if (start + size > mark.start + mark.size)
			mark.size = start + size - mark.start;
		r = sd_volume_write(volume, &mark, err);
		if (r < 0)
			return r;
	}
	/* also when the table was right: the kernel may have missed it */
	return sd_volume_partition(volume, err);
}

/* A backup table that is not in the disk's last MiB since the disk grew: it would be found again. */
static int layout_clear_old_backup(
        int fd, const struct sd_disk *disk, const struct sd_gpt *gpt, struct sd_error *err)
{
	const struct sd_gpt_copy *b = &gpt->backup;
	uint64_t end = (b->own_lba + 1) * (uint64_t)gpt->sector_size;
	uint64_t start = b->entries_lba * (uint64_t)gpt->sector_size;

	if (b->validity != SD_GPT_VALID || end > disk->size - SD_MIB)
		return 0;
	return layout_clear(fd, disk, start, end - start, err);
}

/*
 * Takes a table in state preparing away so that the disk is ours or blank (as remains.h has it) after
 * each write, whatever part of it arrives: all but the table first, then the copy that counts last,
 * its entries after its header. Each is flushed.
 */
static int layout_clear_table(int fd, const struct sd_disk *disk, struct sd_error *err)
{
	const uint64_t sector = disk->sector_size, entries = SD_MARK_ENTRIES_SIZE;
	const uint64_t primary = SD_MARK_PRIMARY_SECTORS * sector;
	const uint64_t backup = disk->size - sector - entries;
	const struct {
		uint64_t offset, len;
	} parts[] = {
		{ disk->size - SD_MIB, SD_MIB - sector - entries },
		{ primary + entries, SD_MIB - primary - entries },
		{ disk->size - sector, sector },
		{ backup, entries },
		{ 0, sector },
		{ sector, sector },
		{ primary, entries },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < SD_ARRAY_SIZE(parts); i++)
		r = layout_clear(fd, disk, parts[i].offset, parts[i].len, err);
	return r;
}

/* What is going to be blank holds nothing from here on: cut off, it is found in state preparing. */
static int layout_mark_preparing(struct sd_volume *volume, struct sd_error *err)
{
	struct sd_mark mark = volume->mark;

	mark.state = SD_STATE_PREPARING;
	return sd_volume_write(volume, &mark, err);
}

int sd_volume_remove(struct sd_volume *volume, struct sd_error *err)
{
	_cleanup_close_ int direct = -1;
	struct sd_gpt gpt;
	int r;

	if (volume->lock != LOCK_EX)
		return sd_error_set(err, ENOLCK, "%s is not locked for writing", volume->disk.node);
	r = sd_volume_reread(volume, &gpt, err);
	if (r < 0)
		return r;
	if (volume->mark.state == SD_STATE_USED)
		return sd_error_set(err, EINVAL,
		        "volume %s on %s is \"used\": erase it before giving the disk back",
		        volume->mark.id, volume->disk.node);
	r = layout_forget_partitions(volume->disk_fd, &volume->disk, err);
	if (r == 0)
		r = sd_blockdev_reopen(volume->disk_fd, O_RDWR | O_DIRECT, &direct, err);
	if (r < 0) {
		(void)sd_error_wrap(err, "%s", volume->disk.node);
		return r;
	}
	r = layout_clear_old_backup(direct, &volume->disk, &gpt, err);
	if (r == 0)
		r = layout_mark_preparing(volume, err);
	if (r == 0) /* before the table goes: a note without one would be bytes that nobody knows */
		r = sd_note_clear(direct, err);
	if (r == 0)
		r = layout_clear_table(direct, &volume->disk, err);
	if (r < 0)
		return r;
	volume->node[0] = '\0';
	volume->devno = 0;
	return 0;
}

int sd_volume_clear_remains(
        int fd, const struct sd_disk *disk, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	int r = sd_remains_find(fd, disk, ret_id, err);

	if (r == 0)
		return sd_error_set(err, ENOENT, "%s carries nothing of solodisk", disk->node);
	return r < 0 ? r : layout_clear_ends(fd, disk, err);
}
