/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A recorded tree for one test program: /sys, /proc, /run and /etc below a temporary directory, which
 * becomes the core's root prefix.
 */

#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char tree_root[] = "/tmp/solodisk-tree-XXXXXX";

/* Group setup and teardown. */
static inline int tree_make(void **state)
{
	(void)state;
	if (!mkdtemp(tree_root))
		return -1;
	sd_root_set(tree_root);
	return 0;
}

static inline int tree_remove(void **state)
{
	char command[128];

	(void)state;
	sd_root_set("");
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", tree_root);
	return system(command);
}

/* The path of what lies in the tree; every call has a buffer of its own, four in turn. */
static inline const char *tree_path(const char *path)
{
	static char buffers[4][PATH_MAX];
	static unsigned next;
	char *buf = buffers[next++ % 4];

	(void)snprintf(buf, PATH_MAX, "%s%s", tree_root, path);
	return buf;
}

/* Makes the directories above path, and path itself when it ends with a slash. */
static inline const char *tree_parents(const char *path)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s", tree_path(path));
	for (char *p = strchr(full + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(full, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*p = '/';
	}
	return tree_path(path);
}

static inline void tree_write(const char *path, const char *content)
{
	FILE *f = fopen(tree_parents(path), "w");

	assert_non_null(f);
	assert_int_equal(fputs(content, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

static inline void tree_link(const char *path, const char *to)
{
	assert_int_equal(symlink(to, tree_parents(path)), 0);
}
