/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ask.h"
#include "cleanup.h"
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int show(const struct sd_disk *disks, size_t n, struct sd_error *err)
{
	static const struct table_column columns[] = {
		{ .name = "DISK" },
		{ .name = "SIZE", .right = true },
		{ .name = "MODEL" },
		{ .name = "SERIAL" },
		{ .name = "WWID" },
	};
	_cleanup_table_ struct table *table = NULL;
	int r;

	r = table_new(columns, SD_ARRAY_SIZE(columns), &table, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		char size[TABLE_SIZE_TEXT];
		const char *cells[] = { disks[i].name, table_size(size, disks[i].size, false),
			disks[i].model, disks[i].serial, disks[i].wwid };

		r = table_add(table, cells, err);
	}
	return r == 0 ? table_print(table, err) : r;
}

int ask_yes(const struct tool *tool, const char *what, const struct sd_disk *disks, size_t n,
        struct sd_error *err)
{
	char answer[16];
	int r;

	if (tool->json)
		return sd_error_set(err, EPERM, "with --json nothing is asked; give --yes too");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return sd_error_set(err, EPERM,
		        "there is no terminal to ask at; --yes goes on without the question");
	printf("%s\n\n", what);
	r = show(disks, n, err);
	if (r < 0)
		return r;
	printf("\nType yes to go on: ");
	(void)fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin) || strcmp(answer, "yes\n") != 0)
		return sd_error_set(
		        err, ECANCELED, "the answer was not \"yes\"; nothing was changed");
	return 0;
}
