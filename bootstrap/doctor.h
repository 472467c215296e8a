/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `solodisk doctor` finds on a node: looks only, below the root prefix. */

#include "error.h"
#include "kubelet.h"

#include <stdbool.h>
#include <stddef.h>

enum finding_status {
	FINDING_OK,
	FINDING_WARN, /* something cannot be used, or could not be seen */
	FINDING_FAIL, /* volumes will not be mounted */
};

struct finding {
	enum finding_status status;
	const char *name; /* of the check */
	char text[512];   /* what is so, and if it is not ok, what to do */
};

struct findings {
	struct finding all[64];
	size_t n;
};

/* Adds one; what finds no room is told by the last. */
void findings_add(struct findings *findings, enum finding_status status, const char *name,
        const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The node: modules, /run, clock, the propagation of mounts in kubelet's directory. */
void doctor_node(struct findings *findings, const struct kubelet *kubelet, bool live);

/* The driver: as kubelet and a controller-manager here see it, its mode; plugin_dir as it was given or found. */
void doctor_driver(
        struct findings *findings, const struct kubelet *kubelet, const char *plugin_dir);

/* This node's settings: configuration and key files. */
void doctor_settings(struct findings *findings);
