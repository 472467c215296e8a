/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the kernel tells of block devices (netlink), without udevd. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define UEVENT_NAME_SIZE 32

struct uevent_listener {
	/* Something happened to this disk, or to a partition of it. NULL: something was missed. */
	void (*disk)(void *data, const char *name);
	void *data;
};

struct uevents {
	uv_poll_t poll;
	int fd;
	struct uevent_listener listener;
};

/* Begins to listen. The handle is closed by uevents_close(). */
int uevents_open(uv_loop_t *loop, const struct uevent_listener *listener, struct uevents *ret,
        struct sd_error *err);
void uevents_close(struct uevents *uevents); /* never opened is fine */

/*
 * One message ("add@/devices/.../block/sda/sda1\0ACTION=add\0..."): whether it is about a block
 * device that belongs to a disk, whose kernel name is put into ret then.
 */
bool uevent_parse(const char *message, size_t len, char ret[UEVENT_NAME_SIZE]);
