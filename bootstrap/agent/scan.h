/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The node's disks, each looked at in a child of its own, a few at once: one that hangs is its own
 * business. Which disks there are comes from sysfs, for which no disk is asked.
 */

#include "children.h"
#include "look.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot {
	struct scan *scan;
	struct disk_view view;
	bool is_known;   /* view is of a look, however old */
	bool is_stale;   /* it is to be looked at again */
	bool is_held;    /* a child works on it: no look until that is over. The holder's to set */
	bool is_removed; /* the disk is gone; the slot goes when nothing points to it */
	struct child *look;

	/* What is under way, or went wrong: disks.c's. */
	struct work *work;
	uint64_t rests_until; /* uv_now(); after a failure */
	unsigned failures;
	char failure[300];   /* "": none */
	char elsewhere[200]; /* why its volume cannot be published; "": it can */
};

struct scan {
	struct children *children;
	struct slot **slots;
	size_t n;
	size_t looking;
	void (*looked)(void *data); /* a look has ended */
	void *data;
};

/*
 * Lists the disks anew; those of this name, and those that are new, are looked at. NULL: all of them.
 * The slots of disks that are gone go. An error is logged and the old list stays.
 */
void scan_refresh(struct scan *scan, const char *name);
/* Starts looks as far as the limit allows: after is_held was cleared. */
void scan_go_on(struct scan *scan);
/* Whether every disk was looked at once. */
bool scan_is_complete(const struct scan *scan);
/* Whether what is in view of each counts now. */
bool scan_is_settled(const struct scan *scan);
/* What is in view counts now: no look is due or under way, and no child works on it. */
bool slot_is_settled(const struct slot *slot);
struct slot *scan_by_id(const struct scan *scan, const char *id); /* NULL; the first of several */
void slot_let_go(struct slot *slot); /* frees one that is removed and not needed any more */
void scan_free(struct scan *scan);   /* when the children are closed */
