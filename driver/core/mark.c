/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mark.h"
#include "blockdev.h"
#include "cleanup.h"
#include "probe.h"
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define NAME_PREFIX "solodisk-"
#define NAME_DIGITS 8 /* of the ID, so that by-partlabel links of two volumes do not collide */

static const char *const state_names[] = {
	[SD_STATE_PREPARING] = "preparing",
	[SD_STATE_READY] = "ready",
	[SD_STATE_USED] = "used",
	[SD_STATE_ERASING] = "erasing",
	[SD_STATE_FAILED] = "failed",
};

const char *sd_state_name(enum sd_state state)
{
	return (size_t)state < SD_ARRAY_SIZE(state_names) ? state_names[state] : "unknown";
}

void sd_mark_name(const struct sd_mark *mark, char ret[SD_GPT_NAME_SIZE])
{
	(void)snprintf(ret, SD_GPT_NAME_SIZE, NAME_PREFIX "%s-%.*s", sd_state_name(mark->state),
	        NAME_DIGITS, mark->id);
}

/* Finds the state whose name, with the ID's digits, is exactly the partition's. */
static int mark_parse_name(const char *name, struct sd_mark *mark)
{
	char want[SD_GPT_NAME_SIZE];
	size_t i;

	for (i = 0; i < SD_ARRAY_SIZE(state_names); i++) {
		mark->state = (enum sd_state)i;
		sd_mark_name(mark, want);
		if (!strcmp(name, want))
			return 0;
	}
	return -EINVAL;
}

void sd_mark_layout(uint64_t disk_size, uint64_t *ret_start, uint64_t *ret_size)
{
	uint64_t end = disk_size / SD_MIB * SD_MIB;

	/* what some formats keep at a disk's end must not be found inside of the partition */
	end = disk_size - end < SD_MIB && end >= SD_MIB ? end - SD_MIB : end;
	*ret_start = SD_MIB;
	*ret_size = end > SD_MIB ? end - SD_MIB : 0;
}

/* The copy that counts: the primary if it is valid, else a valid backup, else none. */
static const struct sd_gpt_copy *mark_copy(const struct sd_gpt *gpt)
{
	if (gpt->primary.validity == SD_GPT_VALID)
		return &gpt->primary;
	return gpt->backup.validity == SD_GPT_VALID ? &gpt->backup : NULL;
}

const char *sd_mark_disk_guid(const struct sd_gpt *gpt)
{
	const struct sd_gpt_copy *copy = mark_copy(gpt);

	return copy ? copy->disk_guid : "";
}

/* No copy is valid: is it a solodisk disk all the same? */
static int mark_explain_invalid(
        const struct sd_disk *disk, const struct sd_gpt *gpt, struct sd_error *err)
{
	if (!gpt->primary.n_ours && !gpt->backup.n_ours)
		return sd_error_set(err, ENOENT, "%s carries no solodisk volume", disk->node);
	if (gpt->primary.beyond_end)
		return sd_error_set(err, EUCLEAN,
		        "%s is now smaller (%" PRIu64
		        " bytes) than its partition table says (%" PRIu64
		        "): give it its old size back; writing to it now would destroy data",
		        disk->node, disk->size,
		        (gpt->primary.other_lba + 1) * (uint64_t)gpt->sector_size);
	return sd_error_set(err, EUCLEAN,
	        "%s was a solodisk disk, but both copies of its partition table are damaged; if the "
	        "data matters, restore the table (\"gdisk %s\", recovery menu) before anything else",
	        disk->node, disk->node);
}

static int mark_check_numbers(const struct sd_disk *disk, const struct sd_gpt *gpt,
        const struct sd_gpt_copy *copy, struct sd_error *err)
{
	uint64_t sector = gpt->sector_size;

	if (copy->first_lba <= copy->last_lba && copy->first_lba >= copy->first_usable &&
	        copy->last_lba <= copy->last_usable && copy->last_lba < gpt->sectors &&
	        copy->first_lba * sector % SD_MIB == 0 &&
	        (copy->last_lba + 1) * sector + SD_MIB <= disk->size)
		return 0;
	return sd_error_set(err, EUCLEAN,
	        "%s: the solodisk partition lies at sectors %" PRIu64 " to %" PRIu64
	        ", which is impossible there; another program changed the table: restore it with "
	        "\"sfdisk %s\", or clear the disk (\"wipefs -a %s\" destroys what is on it)",
	        disk->node, copy->first_lba, copy->last_lba, disk->node, disk->node);
}

static int mark_from_copy(const struct sd_disk *disk, const struct sd_gpt *gpt,
        const struct sd_gpt_copy *copy, struct sd_mark *ret, struct sd_error *err)
{
	struct sd_mark mark = { .number = copy->number };
	uint64_t start, size;
	int r;

	if (copy->n_used != 1)
		return sd_error_set(err, EUCLEAN,
		        "%s has %u partitions, %u of them solodisk's, but a solodisk disk has just one; "
		        "delete what does not belong there (\"sfdisk --delete %s NUMBER\")",
		        disk->node, copy->n_used, copy->n_ours, disk->node);
	if (!sd_id_is_valid(copy->id))
		return sd_error_set(err, EUCLEAN,
		        "%s: the solodisk partition has no usable GUID (%s)", disk->node, copy->id);
	memcpy(mark.id, copy->id, sizeof(mark.id));
	if (mark_parse_name(copy->name, &mark) < 0)
		return sd_error_set(err, EUCLEAN,
		        "%s: the partition's name \"%s\" is no state of volume %s; if you know the state, "
		        "set it with \"sfdisk --part-label %s %u " NAME_PREFIX
		        "used-%.8s\" (or ready, "
		        "erasing, failed)",
		        disk->node, copy->name, mark.id, disk->node, mark.number, mark.id);
	r = mark_check_numbers(disk, gpt, copy, err);
	if (r < 0)
		return r;
	mark.start = copy->first_lba * gpt->sector_size;
	mark.size = (copy->last_lba - copy->first_lba + 1) * gpt->sector_size;
	mark.needs_repair = !sd_gpt_agrees(gpt) || !gpt->protective_mbr;
	sd_mark_layout(disk->size, &start, &size);
	mark.disk_grew = start + size > mark.start + mark.size ||
	        (copy == &gpt->primary ? copy->other_lba : copy->own_lba) != gpt->sectors - 1;
	*ret = mark;
	return 0;
}

/*
 * A damaged table is ours to mend only if nobody else has taken the disk meanwhile: a mkfs of the
 * whole disk leaves our backup copy at its end.
 */
static int mark_check_repairable(
        int fd, const struct sd_disk *disk, const struct sd_gpt *gpt, struct sd_error *err)
{
	const struct sd_gpt_copy *p = &gpt->primary, *b = &gpt->backup;
	struct sd_content content;
	const char *what = NULL;
	int r;

	if (!gpt->protective_mbr && !gpt->mbr_blank)
		what = "something that solodisk did not write is in its first sector";
	else if (p->validity == SD_GPT_TORN && p->disk_guid[0] && b->validity == SD_GPT_VALID &&
	        strcmp(p->disk_guid, b->disk_guid) != 0)
		what = "the two copies of its partition table are of different tables";
	else if (p->validity != SD_GPT_VALID && (b->n_entries != 128 || b->entry_size != 128))
		what = "another program changed the size of its partition table";
	if (what)
		return sd_error_set(err, EUCLEAN,
		        "%s was a solodisk disk, but %s; if it is in other use now, clear the rest with "
		        "\"wipefs -a\" when that is over; if not, mend the table with \"gdisk %s\"",
		        disk->node, what, disk->node);
	r = sd_probe_content(fd, disk->node, &content, err);
	if (r == -ENODATA) {
		sd_error_clear(err);
		return 0;
	}
	if (r < 0 && r != -ENOTUNIQ)
		return r;
	return sd_error_set(err, EUCLEAN,
	        "%s was a solodisk disk, but its partition table is damaged and there is %s%s over it: "
	        "another program took the whole disk; look with \"wipefs %s\"",
	        disk->node, r == 0 ? "a signature of " : "more than one signature",
	        r == 0 ? content.type : "", disk->node);
}

int sd_mark_read(int fd, const struct sd_disk *disk, struct sd_mark *ret, struct sd_gpt *ret_gpt,
        struct sd_error *err)
{
	_cleanup_close_ int direct = -1;
	const struct sd_gpt_copy *copy;
	struct sd_mark mark;
	struct sd_gpt gpt;
	int r;

	r = sd_blockdev_reopen(fd, O_RDONLY | O_DIRECT, &direct, err);
	if (r == 0)
		r = sd_gpt_read(direct, disk->size, disk->sector_size, &gpt, err);
	if (r < 0) {
		(void)sd_error_wrap(err, "%s", disk->node);
		return r;
	}
	copy = mark_copy(&gpt);
	if (!copy)
		return mark_explain_invalid(disk, &gpt, err);
	if (!copy->n_ours)
		return sd_error_set(err, ENOENT,
		        "%s carries no solodisk volume, but another partition table", disk->node);
	r = mark_from_copy(disk, &gpt, copy, &mark, err);
	if (r == 0 && mark.needs_repair)
		r = mark_check_repairable(direct, disk, &gpt, err);
	if (r < 0)
		return r;
	*ret = mark;
	*ret_gpt = gpt;
	return 0;
}

int sd_volume_read_mark(
        int fd, const struct sd_disk *disk, struct sd_mark *ret, struct sd_error *err)
{
	struct sd_gpt gpt;

	return sd_mark_read(fd, disk, ret, &gpt, err);
}

static bool mark_is_as_meant(const struct sd_mark *is, const struct sd_mark *meant)
{
	return !is->needs_repair && !strcmp(is->id, meant->id) && is->state == meant->state &&
	        is->number == meant->number && is->start == meant->start && is->size == meant->size;
}

int sd_mark_write(int fd, const struct sd_disk *disk, const char *disk_guid, struct sd_mark *mark,
        struct sd_error *err)
{
	_cleanup_close_ int write_fd = -1;
	struct sd_error write_error = SD_ERROR_INIT;
	char name[SD_GPT_NAME_SIZE];
	struct sd_table table = {
		.disk_guid = disk_guid,
		.id = mark->id,
		.name = name,
		.number = mark->number,
		.start = mark->start,
		.size = mark->size,
	};
	struct sd_mark is;
	struct sd_gpt gpt;
	int r;

	sd_mark_name(mark, name);
	r = sd_blockdev_reopen(fd, O_RDWR, &write_fd, err);
	if (r < 0) {
		(void)sd_error_wrap(err, "%s", disk->node);
		return r;
	}
	(void)sd_table_write(write_fd, disk->node, disk->sector_size, &table, &write_error);
	/* whatever the write said: what counts is on the disk */
	r = sd_mark_read(fd, disk, &is, &gpt, err);
	if (r < 0) {
		(void)sd_error_wrap(err, "the mark was written, but reading it back failed");
		return r;
	}
	if (mark_is_as_meant(&is, mark)) {
		*mark = is;
		return 0;
	}
	/* else everybody's next look would be at what was to be written, not at what is there */
	(void)posix_fadvise(write_fd, 0, 0, POSIX_FADV_DONTNEED);
	return sd_error_set(err, EIO,
	        "the mark of volume %s on %s could not be changed to \"%s\" (it reads %s%s)%s%s; the "
	        "disk may be failing: look at the kernel's log",
	        mark->id, disk->node, sd_state_name(mark->state), sd_state_name(is.state),
	        is.needs_repair ? ", its two copies differing" : "", write_error.code ? ": " : "",
	        write_error.text);
}
