/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "doctor.h"
#include "root.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>

#define MODERN 1704067200 /* 2024: what is before it is a clock that was never set */

/* Whether a line of a file ends, or begins a field, with a word. */
static bool file_names(const char *path, const char *word)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0, n = strlen(word);

	while (file && getline(&line, &size, file) > 0) {
		const char *found = strstr(line, word);

		if (found && (found[n] == '\n' || found[n] == ':' || found[n] == '.'))
			return true;
	}
	return false;
}

/* Loaded, built in, or there to be loaded: NULL if none of these. */
static const char *module_state(const char *name, const char *file)
{
	char path[PATH_MAX], release[128], wanted[64];

	if (sd_root_path(path, sizeof(path), "/sys/module/%s", name) == 0 &&
	        access(path, F_OK) == 0)
		return "loaded";
	if (sd_root_path(path, sizeof(path), "/proc/filesystems") == 0) {
		(void)snprintf(wanted, sizeof(wanted), "\t%s", name);
		if (file_names(path, wanted))
			return "built in";
	}
	(void)snprintf(wanted, sizeof(wanted), "/%s.ko", file);
	if (sd_root_read(release, sizeof(release), "/proc/sys/kernel/osrelease") < 0)
		return NULL;
	if (sd_root_path(path, sizeof(path), "/lib/modules/%s/modules.builtin", release) == 0 &&
	        file_names(path, wanted))
		return "built in";
	if (sd_root_path(path, sizeof(path), "/lib/modules/%s/modules.dep", release) == 0 &&
	        file_names(path, wanted))
		return "can be loaded";
	return NULL;
}

static void check_modules(struct findings *findings)
{
	static const struct {
		const char *name, *file, *use;
	} modules[] = {
		{ "xfs", "xfs", "xfs volumes" },
		{ "ext4", "ext4", "ext4 volumes" },
		{ "dm_crypt", "dm-crypt", "encrypted volumes" },
	};

	for (size_t i = 0; i < SD_ARRAY_SIZE(modules); i++) {
		const char *state = module_state(modules[i].name, modules[i].file);

		if (state)
			findings_add(
			        findings, FINDING_OK, "kernel", "%s: %s", modules[i].name, state);
		else
			findings_add(findings, FINDING_WARN, "kernel",
			        "%s is neither loaded nor built in nor installed, so %s cannot be "
			        "mounted: install the kernel's module package",
			        modules[i].name, modules[i].use);
	}
}

static void check_run(struct findings *findings)
{
	struct statvfs fs;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/run") < 0 || statvfs(path, &fs) < 0)
		findings_add(findings, FINDING_FAIL, "run", "cannot look at %s/run: %s", sd_root(),
		        strerror(errno));
	else if ((fs.f_flag & ST_RDONLY) || access(path, W_OK) < 0)
		findings_add(findings, FINDING_FAIL, "run",
		        "/run cannot be written, where the driver's records and locks are: run this as "
		        "root, and mount /run as a tmpfs");
	else if (fs.f_bavail == 0)
		findings_add(findings, FINDING_FAIL, "run", "/run is full: make room in it");
	else
		findings_add(findings, FINDING_OK, "run", "/run can be written");
}

/* A token of TLS or of a Secret's API is refused by a wrong clock; records of erasing would be wrong. */
static void check_clock(struct findings *findings)
{
	struct timex state = { 0 };
	time_t now = time(NULL);

	if (now < MODERN)
		findings_add(findings, FINDING_FAIL, "clock",
		        "the clock stands before 2024: set it, and run an NTP client");
	else if (adjtimex(&state) < 0 || (state.status & STA_UNSYNC))
		findings_add(findings, FINDING_WARN, "clock",
		        "the kernel does not know the clock as synchronized: run an NTP client");
	else
		findings_add(findings, FINDING_OK, "clock", "synchronized");
}

/* The mount that a path lies on. Returns whether it is shared, -1: no mount was found. */
static int find_sharing(const char *path, char point[PATH_MAX])
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char name[PATH_MAX];
	size_t size = 0, best = 0;
	int shared = -1;

	if (sd_root_path(name, sizeof(name), "/proc/1/mountinfo") == 0)
		file = fopen(name, "re");
	while (file && getline(&line, &size, file) > 0) {
		char here[PATH_MAX];
		int end = 0;
		size_t n;

		if (sscanf(line, "%*s %*s %*s %*s %4095s %*s%n", here, &end) != 1 || end == 0)
			continue;
		n = strcmp(here, "/") == 0 ? 0 : strlen(here);
		if (strncmp(path, here, n) != 0 || (path[n] && path[n] != '/') || n < best)
			continue;
		best = n;
		memcpy(point, here, sizeof(here));
		shared = strstr(line + end, " shared:") != NULL;
	}
	return shared;
}

static void check_propagation(struct findings *findings, const struct kubelet *kubelet)
{
	char point[PATH_MAX];
	int shared = find_sharing(kubelet->root_dir, point);

	if (shared < 0)
		findings_add(findings, FINDING_WARN, "propagation",
		        "the mounts of process 1 cannot be read: run this as root, in the node's "
		        "process namespace");
	else if (shared)
		findings_add(findings, FINDING_OK, "propagation", "%s lies on %s, which is shared",
		        kubelet->root_dir, point);
	else
		findings_add(findings, FINDING_FAIL, "propagation",
		        "%s lies on %s, which is not shared, so pods do not see what is mounted there: "
		        "mount --make-rshared %s",
		        kubelet->root_dir, point, point);
}

void doctor_node(struct findings *findings, const struct kubelet *kubelet, bool live)
{
	check_modules(findings);
	check_run(findings);
	if (live)
		check_clock(findings);
	check_propagation(findings, kubelet);
}
