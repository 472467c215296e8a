/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "which.h"
#include "cleanup.h"
#include "disk_answer.h"
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

bool which_is_volume(const char *word, char ret_id[SD_ID_SIZE])
{
	size_t prefix = strlen(SD_PV_NAME_PREFIX);

	if (strncmp(word, SD_PV_NAME_PREFIX, prefix) == 0)
		word += prefix;
	return sd_id_parse(word, ret_id, NULL) == 0;
}

/* Returns 1, 0, or a negative errno when the disk could not be read. */
static int carries(const struct sd_disk *disk, const char *id, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_mark mark;
	int r;

	r = sd_disk_answers(disk, SD_DISK_PATIENCE_MS, err);
	if (r == 0)
		r = sd_disk_open(disk, O_RDONLY | O_NONBLOCK, &fd, err);
	if (r == 0)
		r = sd_volume_read_mark(fd, disk, &mark, err);
	if (r == -ENOENT || r == -EUCLEAN)
		return 0;
	return r < 0 ? r : strcmp(mark.id, id) == 0;
}

/* Only looks: sd_volume_find() would repair a damaged table, which is for those who change things. */
static int find_volume(
        const char *id, const char *advice, struct sd_disk *ret, struct sd_error *err)
{
	_cleanup_disks_ struct sd_disks disks = { 0 };
	struct sd_error unread = SD_ERROR_INIT, one;
	const struct sd_disk *found = NULL;
	int r;

	r = sd_disks_read(&disks, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < disks.n; i++) {
		r = disks.disk[i].hidden ? 0 : carries(&disks.disk[i], id, &one);
		if (r < 0 && !unread.code)
			unread = one;
		if (r <= 0)
			continue;
		if (found)
			return sd_error_set(err, ENOTUNIQ,
			        "volume %s is on both %s and %s (a copied disk, or two paths to "
			        "one?); %s",
			        id, found->name, disks.disk[i].name, advice);
		found = &disks.disk[i];
	}
	if (!found)
		return sd_error_set(err, ENODEV, "there is no volume %s on this node%s%s", id,
		        unread.code ? "; but not every disk could be read: " : "",
		        unread.code ? unread.text : "");
	*ret = *found;
	return 0;
}

int which_disk(const char *word, struct sd_disk *ret, struct sd_error *err)
{
	char id[SD_ID_SIZE];

	return which_is_volume(word, id) ? find_volume(id, "name the disk that is meant", ret, err)
	                                 : sd_disk_resolve(word, ret, err);
}

int which_volume(const char *word, struct survey *ret, struct sd_error *err)
{
	struct sd_disk disk, only;
	int r;

	r = which_disk(word, &disk, err);
	if (r < 0)
		return r;
	survey_disk(&disk, ret);
	if (ret->kind != SURVEY_OURS)
		return sd_error_set(err, EINVAL, "%s carries no volume that can be used: %s",
		        disk.name, ret->note);
	if (disk.wwid_repeated)
		return sd_error_set(err, ENOTUNIQ,
		        "another disk of this node has the WWID of %s too, %s (two paths to one?), so "
		        "neither is touched; take one away",
		        disk.name, disk.wwid);
	return find_volume(ret->mark.id, "neither is touched before one is taken away", &only, err);
}
