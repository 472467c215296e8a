/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "staged.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int find_record(char ret[PATH_MAX], struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/run/solodisk/volume") < 0)
		return sd_error_set(err, ENAMETOOLONG, "the root's path is too long");
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		return sd_error_errno(err, errno, "cannot list %s", path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		if (sd_root_path(ret, PATH_MAX, "/run/solodisk/volume/%s", entry->d_name) < 0)
			return sd_error_set(err, ENAMETOOLONG, "a record's name is too long");
		return 1;
	}
	return 0;
}

/* Of the first process, since ours may be a container's that does not see all mounts. */
static FILE *open_mounts(struct sd_error *err)
{
	static const char *const of[] = { "1", "self" };
	char path[PATH_MAX];
	FILE *file;

	for (size_t i = 0; i < SD_ARRAY_SIZE(of); i++) {
		if (sd_root_path(path, sizeof(path), "/proc/%s/mountinfo", of[i]) < 0)
			continue;
		file = fopen(path, "re");
		if (file)
			return file;
	}
	(void)sd_error_errno(err, errno, "cannot read %s, so mounted volumes cannot be seen", path);
	return NULL;
}

static int find_mount(char ret[PATH_MAX], struct sd_error *err)
{
	_cleanup_fclose_ FILE *file = open_mounts(err);
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return -err->code;
	while (getline(&line, &size, file) > 0) {
		char point[PATH_MAX];

		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1)
			continue;
		if (!strstr(point, "/volumes/solodisk~disk/") &&
		        !strstr(point, "/flexvolume/solodisk/disk/mounts/"))
			continue;
		memcpy(ret, point, sizeof(point));
		return 1;
	}
	return 0;
}

int staged_find(char ret[PATH_MAX], struct sd_error *err)
{
	int r = find_record(ret, err);

	return r != 0 ? r : find_mount(ret, err);
}
