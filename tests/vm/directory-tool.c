/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For guest tests alone: what the agent's children do with directories, without an API server.
 *
 *	directory-tool scan CONFIG                    one line an entry or fault
 *	directory-tool clean CONFIG ENTRY [CONTENT [FROM]]
 *
 * WAIT=FILE: between looking and cleaning, waits until that file is there.
 */

#include "cancel.h"
#include "cleanup.h"
#include "directory_clean.h"
#include "directory_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fail(const struct sd_error *err)
{
	(void)fprintf(stderr, "%s: %s\n", strerrorname_np(err->code), err->text);
	return 1;
}

static void show(const struct node_config *config, const struct directory_scan *scan)
{
	for (size_t i = 0; i < config->n_directories; i++)
		if (scan->fault[i].code)
			printf("%s: %s: %s\n", config->directories[i].path,
			        strerrorname_np(scan->fault[i].code), scan->fault[i].text);
	for (size_t i = 0; i < scan->n; i++) {
		const struct directory_entry *entry = &scan->entry[i];

		printf("%s/%s: ", config->directories[entry->directory].path, entry->name);
		if (entry->err.code)
			printf("%s: %s\n", strerrorname_np(entry->err.code), entry->err.text);
		else
			printf("%s %" PRIu64 "%s %s\n",
			        entry->mode == VOLUME_BLOCK ? "Block" : "Filesystem",
			        entry->capacity, entry->part ? " part" : "", entry->identity);
	}
}

static void on_step(void *data, const char *step)
{
	(void)data;
	printf("%s\n", step);
}

static void on_amount(void *data, uint64_t done, uint64_t total)
{
	(void)data;
	if (total)
		printf("%" PRIu64 " of %" PRIu64 "\n", done, total);
}

static void wait_for(const char *file)
{
	while (file && access(file, F_OK) < 0)
		(void)usleep(50000);
}

static int clean(const struct node_config *config, const struct directory_scan *scan, char **words)
{
	const struct events events = { .step = on_step, .amount = on_amount };
	struct directory_clean work = { .config = config, .pv = "local-pv-1" };
	struct sd_error err = SD_ERROR_INIT;
	struct outcome outcome = { .touched = false };

	for (size_t i = 0; i < scan->n; i++)
		if (strcmp(scan->entry[i].name, words[0]) == 0)
			work.entry = &scan->entry[i];
	if (!work.entry) {
		(void)fprintf(stderr, "no such entry\n");
		return 2;
	}
	work.content = words[1] && words[1][0] ? words[1] : NULL;
	work.from = words[1] && words[2] ? strtoull(words[2], NULL, 10) : 0;
	(void)puts("looked");
	(void)fflush(stdout);
	wait_for(getenv("WAIT"));
	if (directory_clean_run(&work, NULL, 0, &events, &outcome, &err) < 0)
		return fail(&err);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_node_config_ struct node_config config = { 0 };
	_cleanup_scan_ struct directory_scan *scan = NULL;
	struct sd_error err = SD_ERROR_INIT;

	sd_json_init();
	cancel_listen();
	if (argc < 3)
		return 2;
	if (node_config_read(argv[2], &config, &err) < 0 || directory_scan_new(&scan, &err) < 0)
		return fail(&err);
	directory_scan_run(&config, NULL, 0, scan);
	if (strcmp(argv[1], "clean") == 0 && argc > 3)
		return clean(&config, scan, argv + 3);
	show(&config, scan);
	return 0;
}
