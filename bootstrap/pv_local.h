/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The PersistentVolume of a mount point or block device in a directory: of type "local". */

#include "error.h"
#include "json.h"
#include "pool.h"

#include <stdbool.h>
#include <stdint.h>

/* The provisioner of a PersistentVolume of the static provisioner, with the Node's name and UID behind it. */
#define PV_STATIC_PROVISIONER "local-volume-provisioner-"
/* Annotation: what it was made of, so that nothing else is ever emptied in its name. */
#define PV_CONTENT "solodisk.io/content"
/* Annotation: only a directory of a filesystem, by a bind mount; it shares its space with others. */
#define PV_SHARED "solodisk.io/shared-filesystem"

struct pv_local {
	const char *name; /* of the PersistentVolume */
	const char *path; /* on the host */
	uint64_t capacity;
	enum volume_mode mode;
	bool shared;
	const char *content;  /* "": not known */
	const char *hostname; /* the value of the node's label kubernetes.io/hostname */
	const char *storage_class;
	enum reclaim_policy reclaim;
	const sd_json *labels;              /* of the configuration; NULL: none */
	const char *owner_name, *owner_uid; /* the Node's, if it is to go with it; NULL: not */
};

/* Makes it. -ENOMEM. *ret is the caller's. */
int pv_local_make(const struct pv_local *pv, sd_json **ret, struct sd_error *err);

/*
 * The name that the static provisioner gives it (discovery.go), so that one that is there already is
 * found again: "local-pv-" and FNV-1a, 32 bits, of the entry's name, the Node's and the StorageClass's.
 */
#define PV_LOCAL_NAME_SIZE 32
void pv_local_name(const char *entry, const char *node, const char *storage_class,
        char ret[PV_LOCAL_NAME_SIZE]);

/* Rounded as the static provisioner does: down to whole GiB if it is 10 of them, else to MiB, else not. */
uint64_t pv_local_capacity(uint64_t bytes);
