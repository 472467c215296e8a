/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan.h"
#include "cleanup.h"
#include "log.h"

#include <string.h>

#define LOOKS_AT_ONCE 4
#define LOOK_SECONDS 60

bool slot_is_settled(const struct slot *slot)
{
	return slot->is_known && !slot->is_stale && !slot->is_held && !slot->look;
}

bool scan_is_complete(const struct scan *scan)
{
	for (size_t i = 0; i < scan->n; i++)
		if (!scan->slots[i]->is_known)
			return false;
	return true;
}

bool scan_is_settled(const struct scan *scan)
{
	for (size_t i = 0; i < scan->n; i++)
		if (!slot_is_settled(scan->slots[i]))
			return false;
	return true;
}

struct slot *scan_by_id(const struct scan *scan, const char *id)
{
	for (size_t i = 0; i < scan->n; i++) {
		struct slot *slot = scan->slots[i];

		if (slot->is_known && slot->view.kind == SURVEY_OURS &&
		        strcmp(slot->view.id, id) == 0)
			return slot;
	}
	return NULL;
}

void slot_let_go(struct slot *slot)
{
	if (slot->is_removed && !slot->look && !slot->is_held)
		free(slot);
}

static void on_looked(void *data, struct job_message *result)
{
	struct slot *slot = data;
	struct scan *scan = slot->scan;
	struct sd_disk disk = slot->view.disk;

	slot->look = NULL;
	scan->looking--;
	if (slot->is_removed) {
		slot_let_go(slot);
	} else {
		look_take(&disk, result, &slot->view);
		/* Whether its identity is repeated, the list knows better than one disk's look. */
		slot->view.disk = disk;
		slot->is_known = true;
	}
	scan_go_on(scan);
	scan->looked(scan->data);
}

static void look(struct slot *slot)
{
	const struct job_work work = { .run = look_run };
	const struct child_listener listener = { .end = on_looked, .data = slot };
	struct sd_error err = SD_ERROR_INIT;

	slot->is_stale = false;
	if (child_start(slot->scan->children, &work, &slot->view.disk, LOOK_SECONDS, &listener,
	            &slot->look, &err) < 0) {
		slot->is_stale = true;
		sd_log(LOG_ERR, "%s cannot be looked at: %s", slot->view.disk.name, err.text);
		return;
	}
	slot->scan->looking++;
}

void scan_go_on(struct scan *scan)
{
	for (size_t i = 0; i < scan->n && scan->looking < LOOKS_AT_ONCE; i++) {
		struct slot *slot = scan->slots[i];

		if (slot->is_stale && !slot->is_held && !slot->look)
			look(slot);
	}
}

static struct slot *slot_of(const struct scan *scan, const struct sd_disk *disk)
{
	for (size_t i = 0; i < scan->n; i++) {
		const struct sd_disk *known = &scan->slots[i]->view.disk;

		if (strcmp(known->name, disk->name) == 0 && known->devno == disk->devno &&
		        strcmp(known->wwid, disk->wwid) == 0)
			return scan->slots[i];
	}
	return NULL;
}

/* Takes the slots of the disks in the list, in its order; new ones for those that have none. */
static int arrange(const struct scan *scan, const struct sd_disks *disks, struct slot **slots,
        const char *name)
{
	for (size_t i = 0; i < disks->n; i++) {
		const struct sd_disk *disk = &disks->disk[i];
		struct slot *slot = slot_of(scan, disk);

		if (!slot) {
			slot = calloc(1, sizeof(*slot));
			if (!slot)
				return -1;
			slot->is_stale = true;
		}
		slot->view.disk = *disk;
		if (!name || strcmp(name, disk->name) == 0)
			slot->is_stale = true;
		slots[i] = slot;
	}
	return 0;
}

static bool is_among(const struct slot *slot, struct slot *const *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i] == slot)
			return true;
	return false;
}

void scan_refresh(struct scan *scan, const char *name)
{
	_cleanup_disks_ struct sd_disks disks = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	struct slot **slots;

	if (sd_disks_read(&disks, &err) < 0) {
		sd_log(LOG_ERR, "the disks cannot be listed: %s", err.text);
		return;
	}
	slots = calloc(disks.n + 1, sizeof(struct slot *));
	if (!slots || arrange(scan, &disks, slots, name) < 0) {
		for (size_t i = 0; slots && slots[i]; i++)
			if (!is_among(slots[i], scan->slots, scan->n))
				free(slots[i]);
		free(slots);
		sd_log(LOG_ERR, "the disks cannot be listed: out of memory");
		return;
	}
	for (size_t i = 0; i < scan->n; i++)
		if (!is_among(scan->slots[i], slots, disks.n)) {
			scan->slots[i]->is_removed = true;
			slot_let_go(scan->slots[i]);
		}
	free(scan->slots);
	scan->slots = slots;
	scan->n = disks.n;
	for (size_t i = 0; i < scan->n; i++)
		slots[i]->scan = scan;
	scan_go_on(scan);
	scan->looked(scan->data);
}

void scan_free(struct scan *scan)
{
	for (size_t i = 0; i < scan->n; i++)
		free(scan->slots[i]);
	free(scan->slots);
	*scan = (struct scan){ 0 };
}
