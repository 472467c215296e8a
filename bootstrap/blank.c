/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blank.h"
#include "blockdev.h"
#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define END (UINT64_C(1) << 20)

/* node is opened O_EXCL: the last check that nobody uses it is the kernel's. */
static int zero_ends(const char *node, uint64_t size, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = open(node, O_RDWR | O_EXCL | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s for overwriting it", node);
	if (size <= 2 * END)
		return sd_blockdev_zero(fd, 0, size, err);
	/* the end first: a backup table there must not count again when nothing at the begin says
	 * any more that another program took the disk */
	r = sd_blockdev_zero(fd, size - END, END, err);
	return r < 0 ? r : sd_blockdev_zero(fd, 0, END, err);
}

int blank_disk(const struct sd_disk *disk, int fd, struct sd_error *err)
{
	_cleanup_partitions_ struct sd_partitions parts = { 0 };
	int r;

	r = sd_disk_partitions(disk, &parts, err);
	for (size_t i = 0; r == 0 && i < parts.n; i++) {
		const struct sd_partition *part = &parts.partition[i];

		sd_log(LOG_NOTICE, "%s (%s): both ends of %s are overwritten", disk->name,
		        disk->wwid, part->node);
		r = zero_ends(part->node, part->size, err);
		if (r == 0)
			r = sd_blockdev_delete_partition(fd, part->number, err);
	}
	return r < 0 ? r : zero_ends(disk->node, disk->size, err);
}
