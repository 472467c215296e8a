/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The verbs of the FlexVolume contract (docs/protocol.md). A verb returns 0 and may add to the
 * answer, or a negative errno with err set; -EOPNOTSUPP becomes "Not supported".
 */

#include "call.h"

struct sd_verb {
	const char *name;
	int min, max; /* arguments behind the verb */
	int (*run)(const struct sd_call *call, struct sd_answer *answer, struct sd_error *err);
	/* Takes back what this very call (its token) did or left half-done; NULL: nothing to undo. */
	int (*undo)(const struct sd_call *call, struct sd_error *err);
};

/* NULL: no such verb, which kubelet is told as "Not supported". */
const struct sd_verb *sd_verb_find(const char *name);

#define SD_VERB(name) \
	int name(const struct sd_call *call, struct sd_answer *answer, struct sd_error *err)

SD_VERB(verb_init);
SD_VERB(verb_attach);
SD_VERB(verb_detach);
SD_VERB(verb_isattached);
SD_VERB(verb_waitforattach);
SD_VERB(verb_mountdevice);
SD_VERB(verb_unmountdevice);
SD_VERB(verb_mount);
SD_VERB(verb_unmount);
SD_VERB(verb_expandvolume);
SD_VERB(verb_expandfs);
int undo_mount(const struct sd_call *call, struct sd_error *err);
int undo_mountdevice(const struct sd_call *call, struct sd_error *err);
