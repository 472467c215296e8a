/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is being done about one PersistentVolume of a directory: a request that is under way, or its
 * cleaning. One thing at a time; what fails is tried again later, each time after a longer pause.
 */

#include "agent.h"
#include "directory_entry.h"
#include "pv_local.h"

#include <stdbool.h>
#include <stdint.h>

/* Annotation: so many bytes of a released block device have been erased. */
#define PV_ERASED "solodisk.io/erased-bytes"

struct directory_volume {
	struct directory_volume *next;
	struct agent *agent;
	char name[64]; /* of the PersistentVolume */
	struct api_request *request;
	struct child *child; /* cleans it */
	uint64_t retry_at;   /* uv_now() */
	unsigned failures;   /* one after the other */
	struct sd_error err; /* the last one; code 0: none */
	char *foreign;       /* somebody else has published it: who; NULL: nobody */

	/* Of a request. */
	char *path;      /* the host's, of the entry */
	bool takes_over; /* from the static provisioner */
	bool is_withdrawn;

	/* Of a cleaning. */
	struct directory_entry *entry;
	uint64_t loads;           /* of the settings: which configuration the entry belongs to */
	char *uid;                /* of the PersistentVolume that is cleaned */
	bool is_clean;            /* it was; only the object is left to delete */
	uint64_t done, total;     /* bytes; total 0: no amount */
	uint64_t noted, noted_at; /* of done, in the annotation, and when */
};

/* NULL: no memory. */
struct directory_volume *directory_volume_get(
        struct agent *agent, struct directory_volume **first, const char *name);
void directory_volumes_free(struct directory_volume **first);

/* Ends all pauses: what failed, or was somebody else's, may not be so any more. */
void directory_volumes_retry(struct directory_volume *first);

/* Whether nothing is under way, and no pause. */
bool directory_volume_is_idle(const struct directory_volume *volume);

/* Each begins something; only for an idle one. */
void directory_volume_publish(struct directory_volume *volume, const struct directory_entry *entry);
/* An Available one, say because its mount point is gone: a pod would fill what is below. */
void directory_volume_withdraw(
        struct directory_volume *volume, const struct pv_view *pv, const char *why);
void directory_volume_clean(struct directory_volume *volume, const struct pv_view *pv,
        const struct directory_entry *entry);

/* Its PersistentVolume has changed or gone: a cleaning that it does not want any more is stopped. */
void directory_volume_changed(struct directory_volume *volume, const struct pv_view *pv);

/* Where the host has an entry. NULL: no memory. The caller's. */
char *directory_host_path(const struct directory *directory, const char *name);
