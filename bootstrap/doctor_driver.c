/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "doctor.h"
#include "key.h"
#include "node_config.h"
#include "root.h"
#include "tree.h"
#include "versions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Whether a process finds the driver in a directory of its own view. -EACCES...: cannot be seen. */
static int is_seen(int pid, const char *dir, const struct stat *wanted)
{
	char path[PATH_MAX];
	struct stat st;

	if (sd_root_path(path, sizeof(path), "/proc/%d/root", pid) < 0 || stat(path, &st) < 0)
		return -errno;
	if (sd_root_path(path, sizeof(path), "/proc/%d/root%s/" DRIVER_EXECUTABLE, pid, dir) < 0 ||
	        stat(path, &st) < 0)
		return 0;
	return st.st_ino == wanted->st_ino && st.st_dev == wanted->st_dev;
}

void doctor_check_seen(struct findings *findings, int pid, const char *who, const char *dir,
        const struct stat *executable)
{
	int r = is_seen(pid, dir, executable);

	if (r < 0)
		findings_add(findings, FINDING_WARN, "plugin directory",
		        "what %s (process %d) sees cannot be looked at (%s): run this as root, in the "
		        "node's process namespace",
		        who, pid, strerror(-r));
	else if (r)
		findings_add(findings, FINDING_OK, "plugin directory", "%s sees the driver in %s",
		        who, dir);
	else
		findings_add(findings, FINDING_FAIL, "plugin directory",
		        "%s (process %d) does not see this driver in %s: mount that directory of the "
		        "node into its container",
		        who, pid, dir);
}

/* What a first install that was cut off left; see versions.h on why nobody removes it. */
static void check_leftovers(struct findings *findings, int plugin_fd)
{
	int fd = openat(plugin_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (strncmp(entry->d_name, ".solodisk.new", strlen(".solodisk.new")) == 0)
			findings_add(findings, FINDING_WARN, "plugin directory",
			        "%s is left from an install that was cut off: stop kubelet, remove it, "
			        "start kubelet",
			        entry->d_name);
}

void doctor_driver(struct findings *findings, const struct kubelet *kubelet, enum managed managed,
        const char *plugin_dir)
{
	_cleanup_close_ int fd = -1;
	struct sd_error err = SD_ERROR_INIT;
	struct versions now = { 0 };
	struct stat st;

	fd = tree_open(plugin_dir, false, &err);
	if (fd >= 0)
		versions_look(fd, &now);
	if (fd < 0 || !now.installed || fstatat(fd, DRIVER_EXECUTABLE, &st, 0) < 0) {
		findings_add(findings, FINDING_FAIL, "driver",
		        "there is none in %s: solodisk install", plugin_dir);
		return;
	}
	findings_add(findings, FINDING_OK, "driver", "%s in %s",
	        now.current[0] ? now.current : "single files", plugin_dir);
	if (kubelet->pid)
		doctor_check_seen(findings, kubelet->pid, "kubelet", kubelet->plugin_dir, &st);
	else
		findings_add(findings, FINDING_WARN, "plugin directory",
		        "no kubelet runs here, so its plugin directory is a guess: start it, and look again");
	check_leftovers(findings, fd);
	doctor_attach(findings, kubelet, managed, fd);
}

static void check_config(struct findings *findings)
{
	_cleanup_node_config_ struct node_config config = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	char path[PATH_MAX];
	int r;

	(void)sd_root_path(path, sizeof(path), NODE_CONFIG_PATH);
	r = node_config_read(path, &config, &err);
	if (r == -ENOENT)
		findings_add(
		        findings, FINDING_OK, "configuration", "there is no " NODE_CONFIG_PATH);
	else if (r < 0)
		findings_add(findings, FINDING_FAIL, "configuration", "%s", err.text);
	else
		findings_add(findings, FINDING_OK, "configuration", NODE_CONFIG_PATH ": %zu pools",
		        config.n_pools);
}

/* Each is read as the driver would, so what it says is what a mount would say. */
static void check_keys(struct findings *findings)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX];
	size_t good = 0, bad = 0;

	(void)sd_root_path(path, sizeof(path), "/etc/solodisk/keys");
	dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		_cleanup_key_ struct sd_key key = SD_KEY_INIT;
		struct sd_error err = SD_ERROR_INIT;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (sd_key_read_file(entry->d_name, &key, &err) == 0) {
			good++;
		} else {
			bad++;
			findings_add(findings, FINDING_FAIL, "keys", "%s", err.text);
		}
	}
	if (bad == 0)
		findings_add(
		        findings, FINDING_OK, "keys", "%zu key files in /etc/solodisk/keys", good);
}

void doctor_settings(struct findings *findings)
{
	check_config(findings);
	check_keys(findings);
}
