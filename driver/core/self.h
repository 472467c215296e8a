/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where this program lies, and whether it runs from a bundle: a directory that brings its own libraries and
 * its own dynamic loader, so that nothing of the host is used (docs/design.md, "The bundle"). Only libc is
 * needed here: the front is linked with it too.
 */

#include <limits.h>
#include <stddef.h>

#define SD_BUNDLE_LIBRARIES ".lib" /* beside the worker */
#define SD_BUNDLE_LOADER "ld.so"   /* in it */

/* "--inhibit-cache": a library that the bundle lacks is an error, not the host's. */
#define SD_BUNDLE_LOADER_OPTIONS "--inhibit-cache", "--library-path"

/*
 * The directory of this executable, links followed: of the program, also when a bundle's loader runs it.
 * Works without /proc if the program was called by an absolute path. -ENOENT, -ENAMETOOLONG.
 */
int sd_self_dir(char *buf, size_t size);

/* The bundle's loader that runs this program. -ENOENT: the host's does, or there is no /proc. */
int sd_self_loader(char *buf, size_t size);
