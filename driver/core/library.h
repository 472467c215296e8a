/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A shared library that is loaded when it is first needed: the dynamic linker takes longer for the four
 * of util-linux and SELinux than all the rest of a call like init, which needs none of them.
 *
 *	#define FUNCTIONS(f) f(fdisk_new_context) f(fdisk_unref_context)
 *	static struct { FUNCTIONS(SD_LIBRARY_MEMBER) } fdisk;
 *	static const char *const names[] = { FUNCTIONS(SD_LIBRARY_NAME) };
 *
 *	r = sd_library_load("libfdisk.so.1", names, SD_ARRAY_SIZE(names), &fdisk, err);
 *
 * The header's own types are those of the members, so that a call is checked as a linked one is.
 */

#include "error.h"

#include <stddef.h>

#define SD_LIBRARY_MEMBER(name) __typeof__(name) *name;
#define SD_LIBRARY_NAME(name) #name,

/*
 * Fills functions, a struct of n pointers to the functions with these names, in their order; at once
 * if it was filled before. -ELIBACC: the library is not installed, or lacks one of them. (Not -ENOENT,
 * which means "no such volume" to many a caller.)
 */
int sd_library_load(const char *file, const char *const *names, size_t n, void *functions,
        struct sd_error *err);
