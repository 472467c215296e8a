/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the key is with which a volume is to be made, as configuration and plan name it. It is the name
 * alone; no key is in it. A token is none of them: it is bound to a volume that is there already.
 */

#include <stdbool.h>

#define KEY_REFERENCE_SIZE 540 /* with the NUL: both: takes two names */
#define KEY_REFERENCE_FORMS "file:NAME, secret:KEY, or both:A,B of two of these"

struct key_reference {
	bool in_secret; /* it, or a part of it, is in a Secret: this node does not have it */
};

/* Returns 0, or -EINVAL: not of one of the forms. */
int key_reference_parse(const char *text, struct key_reference *ret);
