/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Hears of what is mounted, unmounted, made or removed in the directories of the configuration. */

#include "error.h"
#include "node_config.h"

#include <stdint.h>
#include <uv.h>

struct directory_watch;

/*
 * changed is called when a mount below one of the directories came or went (the kernel tells of all
 * mounts; others make no call), or an entry. *ret: directory_watch_stop().
 */
int directory_watch_start(uv_loop_t *loop, void (*changed)(void *data), void *data,
        struct directory_watch **ret, struct sd_error *err);

/* From now on these directories; those that are not there yet are tried again with every call. */
void directory_watch_these(struct directory_watch *watch, const struct node_config *config);

/* Its memory goes when the loop has closed its handles. NULL is fine. */
void directory_watch_stop(struct directory_watch *watch);
