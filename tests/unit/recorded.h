/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Unpacks a machine's disks as tests/fixtures/record printed them into the test's tree, with an empty
 * sparse file of the right size for every disk's node.
 */

#include "tree.h"

#include <ctype.h>

static inline void recorded_clear(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'/*", tree_root);
	assert_int_equal(system(command), 0);
}

static inline void recorded_write_hex(const char *path, const char *hex)
{
	FILE *f = fopen(tree_parents(path), "w");
	unsigned byte;

	assert_non_null(f);
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		(void)fputc((int)byte, f);
	assert_int_equal(fclose(f), 0);
}

/* A node for a disk: a file of its size. */
static inline void recorded_node(const char *name, const char *sectors)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	tree_write(path, "");
	assert_int_equal(truncate(tree_path(path), strtoll(sectors, NULL, 10) * 512), 0);
}

static inline void recorded_load(const char *name)
{
	char path[256], line[4096], from[256], to[2048], disk[64];
	FILE *in, *out = NULL;

	recorded_clear();
	(void)snprintf(path, sizeof(path), "tests/fixtures/%s.tree", name);
	in = fopen(path, "r");
	if (!in)
		fail_msg("%s is not here: run the tests in the source's directory", path);
	path[0] = '/';
	while (fgets(line, sizeof(line), in)) {
		if (line[0] == '\t') {
			assert_non_null(out);
			(void)fputs(line + 1, out);
			if (sscanf(path, "/sys/block/%63[^/]/siz%c", disk, to) == 2)
				recorded_node(disk, line + 1);
			continue;
		}
		if (out)
			(void)fclose(out);
		out = NULL;
		assert_int_equal(sscanf(line + 2, "%254s %2047[^\n]", path + 1, to) >= 1, 1);
		(void)snprintf(from, sizeof(from), "%s", path);
		if (line[0] == 'd') {
			(void)strcat(from, "/");
			(void)tree_parents(from);
		} else if (line[0] == 'l') {
			tree_link(from, to);
		} else if (line[0] == 'x') {
			recorded_write_hex(from, to);
		} else {
			assert_int_equal(line[0], 'f');
			out = fopen(tree_parents(from), "w");
			assert_non_null(out);
		}
	}
	if (out)
		(void)fclose(out);
	(void)fclose(in);
}

/* A disk that no recording has: name, size in MiB, WWID ("" none). */
static inline void recorded_add(const char *name, unsigned mib, const char *wwid)
{
	char path[128], text[64];

	(void)snprintf(text, sizeof(text), "%u\n", mib * 2048);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/size", name);
	tree_write(path, text);
	recorded_node(name, text);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	(void)snprintf(
	        text, sizeof(text), "200:%u\n", (unsigned)(name[0] + name[strlen(name) - 1] * 7));
	tree_write(path, text);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/holders/", name);
	(void)tree_parents(path);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/wwid", name);
	if (wwid[0])
		tree_write(path, wwid);
	(void)snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	(void)snprintf(text, sizeof(text), "../../block/%s", name);
	tree_link(path, text);
}
