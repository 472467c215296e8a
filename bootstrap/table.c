/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <libsmartcols.h>

struct table {
	struct libscols_table *scols;
	size_t n_columns;
};

int table_new(
        const struct table_column *columns, size_t n, struct table **ret, struct sd_error *err)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return sd_error_set(err, ENOMEM, "out of memory");
	table->n_columns = n;
	table->scols = scols_new_table();
	if (!table->scols)
		goto no_memory;
	scols_table_enable_noheadings(table->scols, columns[0].name == NULL);
	for (size_t i = 0; i < n; i++) {
		int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) |
		        (columns[i].may_cut ? SCOLS_FL_TRUNC : 0);
		const char *name = columns[i].name ? columns[i].name : "";

		if (!scols_table_new_column(table->scols, name, 0, flags))
			goto no_memory;
	}
	*ret = table;
	return 0;

no_memory:
	table_free(&table);
	return sd_error_set(err, ENOMEM, "out of memory");
}

int table_add(struct table *table, const char *const *cells, struct sd_error *err)
{
	struct libscols_line *line = scols_table_new_line(table->scols, NULL);

	if (!line)
		return sd_error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < table->n_columns; i++)
		if (cells[i] && scols_line_set_data(line, i, cells[i]) != 0)
			return sd_error_set(err, ENOMEM, "out of memory");
	return 0;
}

int table_print(struct table *table, struct sd_error *err)
{
	int r = scols_print_table(table->scols);

	return r == 0 ? 0 : sd_error_errno(err, -r, "cannot print the table");
}

void table_free(struct table **table)
{
	if (!*table)
		return;
	scols_unref_table((*table)->scols);
	free(*table);
	*table = NULL;
}

const char *table_size(char buf[TABLE_SIZE_TEXT], uint64_t bytes, bool in_bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned unit = 0;
	uint64_t tenths;

	while (unit < sizeof(units) - 2 && bytes >> (10 * (unit + 1)))
		unit++;
	if (in_bytes || unit == 0) {
		(void)snprintf(buf, TABLE_SIZE_TEXT, in_bytes ? "%" PRIu64 : "%" PRIu64 "B", bytes);
		return buf;
	}
	tenths = (bytes >> (10 * (unit - 1))) * 10 / 1024;
	if (tenths % 10)
		(void)snprintf(buf, TABLE_SIZE_TEXT, "%" PRIu64 ".%" PRIu64 "%c", tenths / 10,
		        tenths % 10, units[unit]);
	else
		(void)snprintf(buf, TABLE_SIZE_TEXT, "%" PRIu64 "%c", tenths / 10, units[unit]);
	return buf;
}
