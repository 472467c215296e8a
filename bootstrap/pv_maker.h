/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Writing an object for the API server down in its order. The helpers go on without memory (NULL); the
 * lack is noticed once, at the end.
 */

#include "error.h"
#include "json.h"

#include <stdbool.h>

struct pv_maker {
	bool failed; /* something has no memory: the whole is worth nothing */
};

sd_json *pv_object(struct pv_maker *maker);
void pv_set(struct pv_maker *maker, sd_json *json, const char *key, sd_json *value);
/* A value that is NULL is left out. */
void pv_set_string(struct pv_maker *maker, sd_json *json, const char *key, const char *value);
void pv_set_bytes(struct pv_maker *maker, sd_json *json, const char *key, uint64_t bytes);
sd_json *pv_list_of(struct pv_maker *maker, sd_json *value); /* takes it over */

/* When this Node is deleted, so is the object of this metadata; name NULL: it has no owner. */
void pv_set_owner(struct pv_maker *maker, sd_json *metadata, const char *name, const char *uid);

/* To the node whose label kubernetes.io/hostname has this value. */
sd_json *pv_node_affinity(struct pv_maker *maker, const char *node);

/* The PersistentVolume of these two, which it takes over. -ENOMEM. *ret is the caller's. */
int pv_finish(struct pv_maker *maker, sd_json *metadata, sd_json *spec, sd_json **ret,
        struct sd_error *err);
