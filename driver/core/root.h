/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one prefix before /sys, /proc, /run, /dev, /etc and /var: empty on a node, a recorded tree in
 * tests (as lsblk --sysroot). Every such path in the core is made here.
 */

#include <stddef.h>

/* Sets the prefix ("" or an absolute path without a slash at its end). It must stay valid. */
void sd_root_set(const char *prefix);

/* The prefix, never NULL. */
const char *sd_root(void);

/* Makes prefix + formatted path in buf. Returns 0 or -ENAMETOOLONG. */
int sd_root_path(char *buf, size_t size, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Reads the first line of a small file (a sysfs attribute) below the prefix into buf, without white
 * space around it. Returns 0, or a negative errno (-ENOENT: no such attribute) with buf empty.
 */
int sd_root_read(char *buf, size_t size, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
