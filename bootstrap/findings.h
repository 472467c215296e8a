/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What was found by looking at a node, one thing after the other. */

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
