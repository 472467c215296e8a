/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of the mounts module share; nobody else includes it. */

#include "mounts.h"

/* Whether anything is mounted below dir (spelled as in mountinfo), dir itself apart: 1, 0, or an error. */
int sd_mounts_any_below(const char *dir, struct sd_error *err);

/*
 * Splits checked options into mount(2)'s flags and the filesystem's own (*ret_data, free()). What the
 * type always gets is added.
 */
int sd_mounts_split_options(const char *type, const char *options, unsigned long *ret_flags,
        char **ret_data, struct sd_error *err);

/* "process 12 (postgres), process 15 (sh)": who has a file of the device open; "" when none is seen. */
void sd_mounts_name_users(dev_t devno, char *buf, size_t size);
