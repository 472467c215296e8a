/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The configuration in force, read again when its file changes: by a rename over it, an editor's write,
 * or the swap of links by which kubelet updates a ConfigMap. A bad file is refused whole; what was in
 * force stays.
 */

#include "error.h"
#include "node_config.h"

#include <stdbool.h>
#include <uv.h>

struct settings {
	struct node_config config; /* in force; empty: no file yet */
	struct sd_error fault;     /* of the file as it is now; code 0: it is in force */
	uint64_t n_loads;          /* how often another one came into force */
	char *path;

	void (*changed)(
	        void *data); /* another one is in force, or the file is bad, or good again */
	void *data;
	uv_fs_event_t watch;
	uv_timer_t settle;
};

/* Reads it. No file: an empty one. A bad file is an error here, since there is no old one. */
int settings_open(uv_loop_t *loop, const char *path, struct settings *ret, struct sd_error *err);
/* Looks whether the file is another one by now: for a file system that tells nothing. */
void settings_look(struct settings *settings);
void settings_stop(struct settings *settings); /* closes its handles */
void settings_free(struct settings *settings);
