/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_view.h"
#include "cleanup.h"
#include "kubelet.h"
#include "mounts.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#define OWN "/proc/self/ns/mnt"

int node_view_enter(int *ret_own, struct sd_error *err)
{
	_cleanup_close_ int own = -1, theirs = -1;
	struct stat here, there;
	char path[64];
	int pid, r;

	*ret_own = -1;
	if (sd_root()[0])
		return 0;
	pid = kubelet_pid();
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid ? pid : 1);
	/* kubelet that ended meanwhile is a doubt, too: with one's own view its stages would look forgotten */
	if (stat(OWN, &here) < 0 || stat(path, &there) < 0)
		return sd_error_errno(
		        err, errno, "cannot see whose mounts kubelet sees (%s)", path);
	if (here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		return 0;
	r = sd_mounts_load(err);
	if (r < 0)
		return r;
	own = open(OWN, O_RDONLY | O_CLOEXEC);
	theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWNS) < 0)
		return sd_error_errno(err, errno, "cannot look at kubelet's mounts (%s)", path);
	*ret_own = own;
	own = -1;
	return 0;
}

int node_view_leave(int own, struct sd_error *err)
{
	int r = own < 0 ? 0 : setns(own, CLONE_NEWNS);

	if (r < 0)
		r = sd_error_errno(err, errno, "cannot go back to the container's own mounts");
	if (own >= 0)
		(void)close(own);
	return r;
}
