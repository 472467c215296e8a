/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin_dir.h"
#include "kubelet.h"
#include "root.h"
#include "tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool plugin_dir_option(struct plugin_dir *dir, int c, const char *argument)
{
	if (c == 'P')
		dir->given = argument;
	else if (c == 'R')
		dir->root = argument;
	return c == 'P' || c == 'R';
}

int plugin_dir_open(struct plugin_dir *dir, bool create, struct sd_error *err)
{
	struct kubelet kubelet;
	int r;

	if (dir->root)
		sd_root_set(strcmp(dir->root, "/") == 0 ? "" : dir->root);
	if (dir->given) {
		(void)snprintf(dir->path, sizeof(dir->path), "%s", dir->given);
		(void)snprintf(dir->found, sizeof(dir->found), "as given");
	} else {
		r = kubelet_find(&kubelet, err);
		if (r < 0)
			return sd_error_wrap(err, "give --plugin-dir");
		memcpy(dir->path, kubelet.plugin_dir, sizeof(dir->path));
		memcpy(dir->found, kubelet.found, sizeof(dir->found));
	}
	r = tree_open(dir->path, create, err);
	if (r == -EROFS)
		return sd_error_wrap(err,
		        "the plugin directory is on a read-only filesystem: give kubelet "
		        "--volume-plugin-dir with one that is not, as /var/lib/kubelet/volumeplugins");
	return r;
}
