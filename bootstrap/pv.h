/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The PersistentVolume of a volume, as Kubernetes takes it. */

#include "error.h"
#include "id.h"
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

#define PV_DRIVER "solodisk/disk"
/*
 * A Released PersistentVolume with policy Delete stays Released only with a provisioner that does not
 * begin with kubernetes.io/ (pv_controller.go); it is the agent that cleans and deletes it.
 */
#define PV_PROVISIONER "solodisk.io/node"

/*
 * The label by which a node's agent finds its own: the value of the node's label kubernetes.io/hostname,
 * since the node's name may be too long for a label.
 */
#define PV_NODE_LABEL "solodisk.io/node"

/* Annotations. */
#define PV_PROVISIONED_BY "pv.kubernetes.io/provisioned-by"
#define PV_WWID "solodisk.io/wwid"
#define PV_POOL "solodisk.io/pool"             /* also a label */
#define PV_ROTATIONAL "solodisk.io/rotational" /* a label */
#define PV_MISSING "solodisk.io/disk-missing-since"
/*
 * Annotation: its volume is not marked used yet, and nobody shall get it before. A volume in block mode has no
 * driver that marks it. Reserved for a claim that nobody can make by mistake, it is bound to none
 * (pv_controller.go), so the order is: this object, the mark on the disk, and then it is let go.
 */
#define PV_RESERVED "solodisk.io/not-marked-yet"
#define PV_RESERVED_NAMESPACE "solodisk-reserved"
/* The path of a volume in block mode, which ends in its ID. */
#define PV_BLOCK_PATH "/dev/disk/by-partuuid/"
#define PV_PROGRESS "solodisk.io/erase-progress"

struct pv {
	const char *id;
	uint64_t capacity; /* bytes: of the partition, without the LUKS header */
	const char *wwid;
	bool block;          /* a raw device, of type "local"; no filesystem, no key */
	bool reserved;       /* block, and not marked used yet */
	const char *fs_type; /* NULL: any */
	bool luks;
	const char *key; /* "secret:<key>" or "file:<name>"; NULL: plain */
	const char *secret_namespace, *secret_name; /* NULL: none */
	const char *node;                           /* the value of kubernetes.io/hostname */
	const char *storage_class;
	const char *reclaim;                      /* Retain or Delete */
	const char *claim_namespace, *claim_name; /* NULL: any claim */
	/* NULL: not told. */
	const char *mount_options, *pool, *model, *serial;
	const char *rotational;             /* "true" or "false" */
	const char *owner_name, *owner_uid; /* the Node's, if it is to go with it */
	bool adopted; /* noted in it: it holds the data of a tenant who was there before it */
};

/* What a volume offers of its partition: LUKS2's data lies behind its header. */
uint64_t pv_capacity(uint64_t partition_size, bool luks);

/* Makes it. -ENOMEM. *ret is the caller's. */
int pv_make(const struct pv *pv, sd_json **ret, struct sd_error *err);
