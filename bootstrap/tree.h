/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Directories as a whole, below descriptors: made, copied, compared, removed. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Opens a directory below the root prefix as a program there would find it: a link in a container's view of
 * the node's files leads to where it leads on the node. create: what is missing is made, mode 0755.
 */
int tree_open(const char *path, bool create, struct sd_error *err);

/* A SELinux label, to give to what is made; size 0: none. */
struct label {
	char text[256];
	size_t size;
};
void tree_label_of(
        int fd, struct label *ret); /* the directory's own; none where there is no SELinux */
/* Gives it. What a filesystem does not take is no error: it has no labels then. */
int tree_label(int dir_fd, const char *name, const struct label *label, struct sd_error *err);

/*
 * Copies regular files and directories of one directory into another that is there, with their modes, each
 * flushed and labelled. Anything else in it is an error.
 */
int tree_copy(int from, int to, const struct label *label, struct sd_error *err);
bool tree_has(int wanted, int other); /* other has all files of wanted, with the same bytes */
int tree_remove(int dir_fd, const char *name, struct sd_error *err); /* what is not there is gone */
