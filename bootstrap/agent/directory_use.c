/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_use.h"
#include "cleanup.h"
#include "mounts.h"

#include <errno.h>
#include <string.h>

#define LOCAL_VOLUME "/volumes/kubernetes.io~local-volume/"

int directory_use_of_mount(dev_t devno, const char *pv, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list mounts = { 0 };
	int r = sd_mounts_of_device(devno, &mounts, err);

	for (size_t i = 0; r == 0 && i < mounts.n; i++) {
		const char *found = strstr(mounts.mount[i].target, LOCAL_VOLUME);

		if (found && strcmp(found + strlen(LOCAL_VOLUME), pv) == 0)
			r = sd_error_set(err, EBUSY, "it is still mounted for a pod at %s",
			        mounts.mount[i].target);
	}
	return r;
}
