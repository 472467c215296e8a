/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remains.h"
#include "blockdev.h"
#include "cleanup.h"
#include "gpt.h"
#include "mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* UEFI 2.10, 5.3.3: an entry; what is left of its name after the last letter is zero in ours. */
enum {
	ENTRY_SIZE = 128,
	ENTRY_AT_ATTRIBUTES = 48,
	ENTRY_AT_NAME = 56,
	ATTRIBUTES_SIZE = 8,
	N_ENTRIES = SD_MARK_ENTRIES_SIZE / ENTRY_SIZE,
};

static bool all_zero(const unsigned char *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

static bool bounds_fit(const struct sd_disk *disk, const struct sd_gpt_copy *copy)
{
	uint64_t sectors = disk->size / disk->sector_size;

	return copy->first_lba <= copy->last_lba && copy->last_lba < sectors &&
	        copy->first_lba * disk->sector_size >= SD_MIB &&
	        copy->first_lba * disk->sector_size % SD_MIB == 0 &&
	        (copy->last_lba + 1) * disk->sector_size + SD_MIB <= disk->size;
}

/* Whether an array holds one entry, and in no byte anything else than solodisk would have written. */
static bool is_ours_alone(
        const struct sd_disk *disk, const unsigned char *entries, char ret_id[SD_ID_SIZE])
{
	struct sd_gpt_copy copy = { .n_entries = N_ENTRIES, .entry_size = ENTRY_SIZE };
	struct sd_mark mark = { .state = SD_STATE_PREPARING };
	char name[SD_GPT_NAME_SIZE];
	const unsigned char *entry;
	size_t name_end;

	sd_gpt_parse_entries(entries, &copy);
	if (copy.n_used != 1 || copy.n_ours != 1 || !sd_id_is_valid(copy.id))
		return false;
	memcpy(mark.id, copy.id, sizeof(mark.id));
	sd_mark_name(&mark, name);
	if (strcmp(copy.name, name) != 0 || !bounds_fit(disk, &copy))
		return false;
	entry = entries + (size_t)(copy.number - 1) * ENTRY_SIZE;
	name_end = ENTRY_AT_NAME + 2 * strlen(name);
	if (!all_zero(entries, (size_t)(entry - entries)) ||
	        !all_zero(entry + ENTRY_AT_ATTRIBUTES, ATTRIBUTES_SIZE) ||
	        !all_zero(entry + name_end,
	                SD_MARK_ENTRIES_SIZE - (size_t)(entry - entries) - name_end))
		return false;
	memcpy(ret_id, copy.id, SD_ID_SIZE);
	return true;
}

int sd_remains_find(
        int fd, const struct sd_disk *disk, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	_cleanup_free_ unsigned char *first = NULL, *last = NULL;
	_cleanup_close_ int direct = -1;
	const size_t at_first = SD_MARK_PRIMARY_SECTORS * (size_t)disk->sector_size;
	const size_t at_last = SD_MIB - disk->sector_size - SD_MARK_ENTRIES_SIZE;
	const size_t end_first = at_first + SD_MARK_ENTRIES_SIZE;
	bool in_first, in_last;
	int r;

	if (disk->size < SD_DISK_MIN_SIZE || disk->size % disk->sector_size)
		return 0;
	if (posix_memalign((void **)&first, 4096, SD_MIB) ||
	        posix_memalign((void **)&last, 4096, SD_MIB))
		return sd_error_errno(err, ENOMEM, "cannot read the ends of %s", disk->node);
	r = sd_blockdev_reopen(fd, O_RDONLY | O_DIRECT, &direct, err);
	if (r == 0)
		r = sd_blockdev_read(direct, first, SD_MIB, 0, err);
	if (r == 0)
		r = sd_blockdev_read(direct, last, SD_MIB, disk->size - SD_MIB, err);
	if (r < 0) {
		(void)sd_error_wrap(err, "%s", disk->node);
		return r;
	}
	if (!all_zero(first, at_first) || !all_zero(first + end_first, SD_MIB - end_first) ||
	        !all_zero(last, at_last) ||
	        !all_zero(last + SD_MIB - disk->sector_size, disk->sector_size))
		return 0;
	in_first = !all_zero(first + at_first, SD_MARK_ENTRIES_SIZE);
	in_last = !all_zero(last + at_last, SD_MARK_ENTRIES_SIZE);
	if (in_first == in_last)
		return 0;
	return is_ours_alone(disk, in_first ? first + at_first : last + at_last, ret_id);
}
