/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verbs.h"
#include "cleanup.h"

#include <string.h>

/*
 * getvolumename is left out on purpose: "Not supported" makes kubelet name the volume itself and not
 * ask again, and after a restart it would ask without our options (flexvolume/plugin.go).
 */
static const struct sd_verb verbs[] = {
	{ "init", 0, 0, verb_init, NULL },
	{ "attach", 1, 2, verb_attach, NULL },
	{ "detach", 1, 2, verb_detach, NULL },
	{ "isattached", 1, 2, verb_isattached, NULL },
	{ "waitforattach", 2, 2, verb_waitforattach, NULL },
	{ "mountdevice", 3, 3, verb_mountdevice, undo_mountdevice },
	{ "unmountdevice", 1, 1, verb_unmountdevice, NULL },
	{ "mount", 2, 2, verb_mount, undo_mount },
	{ "unmount", 1, 1, verb_unmount, NULL },
	{ "expandvolume", 4, 4, verb_expandvolume, NULL },
	{ "expandfs", 5, 5, verb_expandfs, NULL },
};

const struct sd_verb *sd_verb_find(const char *name)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
