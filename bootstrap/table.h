/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Tables on stdout, fitted to the terminal; the only user of libsmartcols. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_column {
	const char *name; /* NULL in the first column: a table without headings */
	bool right;       /* numbers */
	bool may_cut; /* shortened first on a narrow terminal; never when stdout is no terminal */
};

struct table;

int table_new(
        const struct table_column *columns, size_t n, struct table **ret, struct sd_error *err);
/* cells: as many as columns; NULL is an empty one. They are copied. */
int table_add(struct table *table, const char *const *cells, struct sd_error *err);
int table_print(struct table *table, struct sd_error *err);
void table_free(struct table **table);
#define _cleanup_table_ __attribute__((cleanup(table_free)))

#define TABLE_SIZE_TEXT 32
/* A size as lsblk writes it (465.8G), or in bytes. Returns buf. */
const char *table_size(char buf[TABLE_SIZE_TEXT], uint64_t bytes, bool in_bytes);
