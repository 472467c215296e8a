/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts_library.h"
#include "cleanup.h"

struct sd_libmount sd_libmount;

int sd_libmount_load(struct sd_error *err)
{
	static const char *const names[] = { LIBMOUNT_FUNCTIONS(SD_LIBRARY_NAME) };

	return sd_library_load("libmount.so.1", names, SD_ARRAY_SIZE(names), &sd_libmount, err);
}
