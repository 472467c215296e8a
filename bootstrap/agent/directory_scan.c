/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_scan.h"
#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/mman.h>

int directory_scan_new(struct directory_scan **ret, struct sd_error *err)
{
	void *memory = mmap(NULL, sizeof(**ret), PROT_READ | PROT_WRITE,
	        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return sd_error_set(err, ENOMEM, "out of memory");
	*ret = memory;
	return 0;
}

void directory_scan_free(struct directory_scan **scan)
{
	if (*scan)
		(void)munmap(sd_steal(*scan), sizeof(**scan));
}

/* Which directory of its filesystem each entry shows; of those that may be published. */
struct roots {
	char *root[SCAN_ENTRIES_MAX];
};

static void free_roots(struct roots *roots)
{
	for (size_t i = 0; i < SCAN_ENTRIES_MAX; i++)
		free(roots->root[i]);
}
#define _cleanup_roots_ __attribute__((cleanup(free_roots)))

static bool is_within(const char *root, const char *outer)
{
	size_t len = strcmp(outer, "/") == 0 ? 0 : strlen(outer);

	return strncmp(root, outer, len) == 0 && (root[len] == '\0' || root[len] == '/');
}

static bool overlap(const struct directory_entry *a, const char *root_a,
        const struct directory_entry *b, const char *root_b)
{
	if (a->mode != b->mode)
		return false;
	if (a->mode == VOLUME_BLOCK)
		return directory_devices_overlap(a->devno, b->devno);
	return a->devno == b->devno && root_a && root_b &&
	        (is_within(root_a, root_b) || is_within(root_b, root_a));
}

static void refuse_overlaps(
        const struct node_config *config, struct directory_scan *scan, const struct roots *roots)
{
	const struct directory *directory = config->directories;
	bool refused[SCAN_ENTRIES_MAX] = { false };

	for (size_t i = 0; i < scan->n; i++)
		for (size_t j = 0; j < scan->n && !refused[i]; j++) {
			const struct directory_entry *a = &scan->entry[i], *b = &scan->entry[j];

			if (i == j || (a->err.code && a->err.code != ENOTUNIQ) ||
			        (b->err.code && b->err.code != ENOTUNIQ) ||
			        !overlap(a, roots->root[i], b, roots->root[j]))
				continue;
			refused[i] = true;
			(void)sd_error_set(&scan->entry[i].err, ENOTUNIQ,
			        "it has the same data as %s/%s, or a part of them: two tenants "
			        "would share them",
			        directory[b->directory].path, b->name);
		}
}

static bool is_wanted(const struct directory *directory, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0)
		return false;
	return !directory->name_pattern || fnmatch(directory->name_pattern, name, 0) == 0;
}

static bool is_silent(const struct scan_place *silent, size_t n, size_t directory, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (silent[i].directory == directory && strcmp(silent[i].name, name) == 0)
			return true;
	return false;
}

static void look(const struct node_config *config, size_t i, const char *name,
        struct directory_scan *scan, struct roots *roots)
{
	char root[PATH_MAX];

	scan->looking.directory = i;
	(void)snprintf(scan->looking.name, sizeof(scan->looking.name), "%s", name);
	scan->is_looking = true;
	directory_entry_look(config, i, name, &scan->entry[scan->n], root);
	scan->is_looking = false;
	if (root[0] && !scan->entry[scan->n].err.code)
		roots->root[scan->n] = strdup(root);
	scan->n++;
}

static void read_directory(const struct node_config *config, size_t i,
        const struct scan_place *silent, size_t n, struct directory_scan *scan, struct roots *roots)
{
	const struct directory *directory = &config->directories[i];
	_cleanup_closedir_ DIR *dir = opendir(directory->mount_path);
	const struct dirent *entry;

	if (!dir) {
		(void)sd_error_errno(&scan->fault[i], errno, "cannot read it");
		return;
	}
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (!is_wanted(directory, entry->d_name) || is_silent(silent, n, i, entry->d_name))
			continue;
		if (scan->n == SCAN_ENTRIES_MAX) {
			scan->is_cut = true;
			return;
		}
		look(config, i, entry->d_name, scan, roots);
	}
	if (errno)
		(void)sd_error_errno(&scan->fault[i], errno, "cannot read it");
}

void directory_scan_run(const struct node_config *config, const struct scan_place *silent, size_t n,
        struct directory_scan *scan)
{
	_cleanup_roots_ struct roots roots = { 0 };

	for (size_t i = 0; i < config->n_directories; i++)
		read_directory(config, i, silent, n, scan, &roots);
	refuse_overlaps(config, scan, &roots);
}
