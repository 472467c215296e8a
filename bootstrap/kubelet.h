/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What this node's kubelet was started with, as far as it concerns a FlexVolume driver. */

#include "error.h"

#include <limits.h>
#include <stdbool.h>

struct kubelet {
	int pid; /* 0: none runs here */
	char plugin_dir[PATH_MAX];
	char found[64]; /* how plugin_dir is known: "kubelet's --volume-plugin-dir" */
	char root_dir[PATH_MAX];
	char config[PATH_MAX];         /* its configuration file; empty: none */
	bool controller_attach;        /* enableControllerAttachDetach; kubelet's default is true */
	int controller_pid;            /* of a kube-controller-manager; 0: none runs here */
	char controller_dir[PATH_MAX]; /* its plugin directory, in its own view */
};

/* Its process; 0: none is seen. */
int kubelet_pid(void);

/*
 * Looks for a kubelet in /proc, reads its flags, then its configuration file and its drop-ins; a flag counts
 * more. Where nothing is said, plugin_dir is what is usual for the distribution. All below the root prefix.
 * An error: the configuration file that it names cannot be read.
 */
int kubelet_find(struct kubelet *ret, struct sd_error *err);
