/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the agent knows of the PersistentVolumes of its node: those that carry its label. Of each only
 * what is needed is kept, since the objects are large.
 */

#include "error.h"
#include "id.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pv_phase { PV_PENDING, PV_AVAILABLE, PV_BOUND, PV_RELEASED, PV_FAILED, PV_GONE };

struct pv_view {
	char *name, *uid, *version; /* version: resourceVersion */
	enum pv_phase phase;
	bool deletes;        /* reclaim policy Delete */
	bool is_going;       /* has a deletionTimestamp */
	bool is_reserved;    /* PV_RESERVED: its volume is to be marked first */
	bool is_claimed;     /* a claim has it: claimRef has a UID */
	bool is_block;       /* of a volume in block mode */
	char id[SD_ID_SIZE]; /* the volume ID of its name; "": it is none of a disk */
	/* NULL: absent. */
	char *wwid; /* of annotation or options */
	char *pool, *hostname, *storage_class, *provisioner;
	char *driver;        /* flexVolume.driver */
	char *path;          /* local.path */
	char *claim;         /* NAMESPACE/NAME of claimRef */
	char *missing_since; /* annotations of ours */
	char *progress;
	uint64_t capacity; /* bytes, 0: none */
};

/* Takes out of a PersistentVolume what is needed. -EINVAL: not one; -ENOMEM. Free with pv_view_clear(). */
int pv_view_take(const sd_json *object, struct pv_view *ret, struct sd_error *err);
void pv_view_clear(struct pv_view *pv);
#define _cleanup_pv_view_ __attribute__((cleanup(pv_view_clear)))

/* A quantity of Kubernetes ("10Gi", "1500M", "2e9") in bytes, rounded up; -EINVAL. */
int quantity_parse(const char *text, uint64_t *ret);

struct pvs {
	struct pv_view *pv; /* in no order; pointers are good until the next change */
	size_t n;
	bool is_known; /* listed at least once */
};

/* NULL: not there. */
const struct pv_view *pvs_by_name(const struct pvs *pvs, const char *name);
const struct pv_view *pvs_by_id(const struct pvs *pvs, const char *id);

/* Takes an object over whatever was known of it. *ret_changed: whether anything is different now. */
int pvs_put(struct pvs *pvs, const sd_json *object, bool *ret_changed, struct sd_error *err);
/* Forgets one. Returns whether it was there; it moves to *ret, which the caller clears. */
bool pvs_remove(struct pvs *pvs, const char *name, struct pv_view *ret);
void pvs_clear(struct pvs *pvs);
