/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "versions.h"
#include "cleanup.h"
#include "json.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define EXECUTABLE "disk"
#define PREVIOUS ".previous"
#define CONFIG ".config.json"
#define VERSIONS ".v"
#define NEW_VERSION ".new"         /* in VERSIONS: half copied */
#define NEW_DRIVER ".solodisk.new" /* a first install, before its rename */

static int open_dir(int fd, const char *name)
{
	return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The version that a link of ours leads to; empty if it leads elsewhere or is no link. */
static void version_of(int driver_fd, const char *name, char ret[VERSION_SIZE])
{
	char link[PATH_MAX];
	ssize_t n = readlinkat(driver_fd, name, link, sizeof(link) - 1);

	ret[0] = '\0';
	if (n < 0)
		return;
	link[n] = '\0';
	if (sscanf(link, VERSIONS "/%63[^/]/", ret) != 1)
		ret[0] = '\0';
}

static void look(int driver_fd, struct versions *ret)
{
	version_of(driver_fd, EXECUTABLE, ret->current);
	version_of(driver_fd, PREVIOUS, ret->previous);
	ret->installed = faccessat(driver_fd, EXECUTABLE, X_OK, 0) == 0;
}

void versions_look(int plugin_fd, struct versions *ret)
{
	_cleanup_close_ int driver = open_dir(plugin_fd, DRIVER_NAME);

	memset(ret, 0, sizeof(*ret));
	if (driver >= 0)
		look(driver, ret);
}

static int read_version(int from_fd, char ret[VERSION_SIZE], struct sd_error *err)
{
	static const char allowed[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+_";
	_cleanup_close_ int fd = openat(from_fd, ".version", O_RDONLY | O_CLOEXEC);
	char text[VERSION_SIZE] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return sd_error_errno(
		        err, errno, "this is no bundle's driver/: it has no .version");
	text[strcspn(text, "\n")] = '\0';
	if (!text[0] || text[0] == '.' || text[strspn(text, allowed)])
		return sd_error_set(err, EINVAL, "the bundle's .version makes no sense");
	memcpy(ret, text, VERSION_SIZE);
	return 0;
}

/* A link, or another one in its place: by rename, so that there always is one. */
static int put_link(int dir_fd, const char *target, const char *name, const struct label *label,
        struct sd_error *err)
{
	char new_name[VERSION_SIZE];

	(void)snprintf(new_name, sizeof(new_name), "%s%s.new", name[0] == '.' ? "" : ".", name);
	if ((unlinkat(dir_fd, new_name, 0) < 0 && errno != ENOENT) ||
	        symlinkat(target, dir_fd, new_name) < 0)
		return sd_error_errno(err, errno, "cannot make the link %s", new_name);
	if (tree_label(dir_fd, new_name, label, err) < 0)
		return -err->code;
	if (renameat(dir_fd, new_name, dir_fd, name) < 0)
		return sd_error_errno(err, errno, "cannot rename %s to %s", new_name, name);
	return 0;
}

/* Copies it beside its name, then renames. A version that is there whole is left; a damaged one replaced. */
static int put_version(int driver_fd, int from_fd, const char *version, const struct label *label,
        struct sd_error *err)
{
	_cleanup_close_ int all = -1, there = -1, made = -1;
	int r;

	if (mkdirat(driver_fd, VERSIONS, 0755) < 0 && errno != EEXIST)
		return sd_error_errno(err, errno, "cannot make " DRIVER_NAME "/" VERSIONS);
	all = open_dir(driver_fd, VERSIONS);
	if (all < 0)
		return sd_error_errno(err, errno, "cannot open " DRIVER_NAME "/" VERSIONS);
	there = open_dir(all, version);
	if (there >= 0 && tree_has(from_fd, there))
		return 0;
	if (tree_label(driver_fd, VERSIONS, label, err) < 0 ||
	        tree_remove(all, NEW_VERSION, err) < 0)
		return -err->code;
	if (mkdirat(all, NEW_VERSION, 0755) < 0 || (made = open_dir(all, NEW_VERSION)) < 0)
		return sd_error_errno(err, errno, "cannot make " VERSIONS "/" NEW_VERSION);
	r = tree_label(all, NEW_VERSION, label, err);
	if (r == 0)
		r = tree_copy(from_fd, made, label, err);
	if (r == 0)
		r = put_link(made, "../../" CONFIG, CONFIG, label, err);
	if (r < 0)
		return r;
	if (renameat2(all, NEW_VERSION, all, version, there >= 0 ? RENAME_EXCHANGE : 0) < 0)
		return sd_error_errno(err, errno, "cannot rename " NEW_VERSION " to %s", version);
	return there >= 0 ? tree_remove(all, NEW_VERSION, err) : 0;
}

static int load_config(int driver_fd, sd_json **ret, struct sd_error *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/" CONFIG, driver_fd);
	return sd_json_load(path, ret, err);
}

/* The other keys stay as they are. Returns 0 also if there was nothing to write. */
static int put_config(int driver_fd, int attach, const struct label *label, struct sd_error *err)
{
	_cleanup_json_ sd_json *json = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	int r = load_config(driver_fd, &json, err);

	if (r < 0 && r != -ENOENT)
		return r;
	sd_error_clear(err);
	if (r == 0 && attach < 0)
		return 0;
	if (!json)
		json = sd_json_object();
	if (!json || sd_json_set_bool(json, "attach", attach > 0) < 0 ||
	        !(text = sd_json_line(json)))
		return sd_error_set(err, ENOMEM, "out of memory");
	fd = openat(driver_fd, CONFIG ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		return sd_error_errno(err, errno, "cannot write " CONFIG);
	if (tree_label(driver_fd, CONFIG ".new", label, err) < 0)
		return -err->code;
	if (renameat(driver_fd, CONFIG ".new", driver_fd, CONFIG) < 0)
		return sd_error_errno(err, errno, "cannot rename " CONFIG ".new");
	return 0;
}

int versions_attach(int plugin_fd, struct sd_error *err)
{
	_cleanup_close_ int driver = open_dir(plugin_fd, DRIVER_NAME);
	_cleanup_json_ sd_json *json = NULL;
	int attach = 0, r;

	if (driver < 0)
		return 0;
	r = load_config(driver, &json, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		return 0;
	}
	if (r == 0)
		r = sd_json_get_bool(json, "attach", &attach, err);
	return r < 0 ? r : attach;
}

/* What was called before: a link to a version, or an executable of its own. */
static int keep_previous(int driver_fd, const struct versions *before, const char *version,
        const struct label *label, struct sd_error *err)
{
	char target[PATH_MAX];

	if (!before->installed || strcmp(before->current, version) == 0)
		return 0;
	if (before->current[0]) {
		(void)snprintf(target, sizeof(target), VERSIONS "/%s/" EXECUTABLE, before->current);
		return put_link(driver_fd, target, PREVIOUS, label, err);
	}
	if (tree_remove(driver_fd, PREVIOUS, err) < 0)
		return -err->code;
	if (linkat(driver_fd, EXECUTABLE, driver_fd, PREVIOUS, 0) < 0)
		return sd_error_errno(err, errno, "cannot keep the executable as " PREVIOUS);
	return 0;
}

static bool is_kept(const char *name, const struct versions *before, const char *version)
{
	return name[0] == '.' || strcmp(name, version) == 0 || strcmp(name, before->current) == 0 ||
	        strcmp(name, before->previous) == 0;
}

/* Of a version that nobody was told to use for two installs there is no call under way. */
static int prune(
        int driver_fd, const struct versions *before, const char *version, struct sd_error *err)
{
	int fd = open_dir(driver_fd, VERSIONS), r = 0;
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *entry; r == 0 && dir && (entry = readdir(dir));)
		if (!is_kept(entry->d_name, before, version))
			r = tree_remove(fd, entry->d_name, err);
	return r;
}

static int fill(int driver_fd, int from_fd, const char *version, int attach,
        const struct label *label, struct sd_error *err)
{
	struct versions before;
	char target[PATH_MAX];
	int r;

	look(driver_fd, &before);
	r = put_version(driver_fd, from_fd, version, label, err);
	if (r == 0)
		r = put_config(driver_fd, attach, label, err);
	if (r == 0)
		r = keep_previous(driver_fd, &before, version, label, err);
	if (r < 0)
		return r;
	(void)snprintf(target, sizeof(target), VERSIONS "/%s/" EXECUTABLE, version);
	r = put_link(driver_fd, target, EXECUTABLE, label, err);
	if (r == 0)
		r = prune(driver_fd, &before, version, err);
	if (r == 0 && fsync(driver_fd) < 0)
		r = sd_error_errno(err, errno, "cannot flush " DRIVER_NAME);
	return r;
}

/*
 * Where a first install is made: beside the plugin directory, which kubelet does not watch. If that is
 * another filesystem or mount (a container has the plugin directory alone), in it. There an older one that
 * was cut off is left alone: kubelet may watch it, and what is removed in it would count as a broken driver.
 */
static int make_place(int plugin_fd, char name[VERSION_SIZE], struct sd_error *err)
{
	int parent = openat(plugin_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sd_error ignored = SD_ERROR_INIT;

	(void)snprintf(name, VERSION_SIZE, NEW_DRIVER ".%d", (int)getpid());
	if (parent >= 0 && tree_remove(parent, name, &ignored) == 0 &&
	        mkdirat(parent, name, 0755) == 0) {
		if (renameat(parent, name, plugin_fd, name) == 0 &&
		        renameat(plugin_fd, name, parent, name) == 0)
			return parent;
		(void)unlinkat(parent, name, AT_REMOVEDIR);
	}
	if (parent >= 0)
		(void)close(parent);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, VERSION_SIZE, NEW_DRIVER ".%d.%d", (int)getpid(), i);
		if (mkdirat(plugin_fd, name, 0755) == 0)
			return fcntl(plugin_fd, F_DUPFD_CLOEXEC, 0);
	}
	return sd_error_errno(err, errno, "cannot make a directory in the plugin directory");
}

/* Until the last moment no name in it is one that kubelet looks at. */
static int install_first(int plugin_fd, int from_fd, const char *version, int attach,
        const struct label *label, struct sd_error *err)
{
	_cleanup_close_ int place = -1, driver = -1;
	struct sd_error ignored = SD_ERROR_INIT;
	char name[VERSION_SIZE];
	int r;

	place = make_place(plugin_fd, name, err);
	if (place < 0)
		return place;
	driver = open_dir(place, name);
	if (driver < 0)
		r = sd_error_errno(err, errno, "cannot open %s", name);
	else
		r = tree_label(place, name, label, err);
	if (r == 0)
		r = fill(driver, from_fd, version, attach, label, err);
	if (r == 0 && renameat2(place, name, plugin_fd, DRIVER_NAME, RENAME_NOREPLACE) < 0)
		r = sd_error_errno(err, errno, "cannot rename %s to " DRIVER_NAME, name);
	if (r < 0)
		(void)tree_remove(place, name, &ignored);
	else if (fsync(plugin_fd) < 0)
		r = sd_error_errno(err, errno, "cannot flush the plugin directory");
	return r;
}

/* One install at a time. The lock goes with the descriptor. */
static int lock(int plugin_fd, struct sd_error *err)
{
	if (flock(plugin_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return sd_error_errno(err, errno, "another install or uninstall is at work here");
}

int versions_install(
        int plugin_fd, int from_fd, int attach, struct versions *ret, struct sd_error *err)
{
	_cleanup_close_ int driver = -1;
	char version[VERSION_SIZE];
	struct label label;
	int r;

	r = read_version(from_fd, version, err);
	if (r == 0)
		r = lock(plugin_fd, err);
	if (r < 0)
		return r;
	driver = open_dir(plugin_fd, DRIVER_NAME);
	if (driver < 0 && errno != ENOENT)
		return sd_error_errno(err, errno, "cannot open " DRIVER_NAME);
	tree_label_of(driver < 0 ? plugin_fd : driver, &label);
	if (driver < 0)
		r = install_first(plugin_fd, from_fd, version, attach, &label, err);
	else
		r = fill(driver, from_fd, version, attach, &label, err);
	versions_look(plugin_fd, ret);
	return r;
}

int versions_roll_back(int plugin_fd, struct versions *ret, struct sd_error *err)
{
	_cleanup_close_ int driver = open_dir(plugin_fd, DRIVER_NAME);
	int r = lock(plugin_fd, err);

	if (r < 0)
		return r;
	if (driver < 0 || faccessat(driver, PREVIOUS, X_OK, 0) < 0)
		return sd_error_set(err, ENOENT, "there is no previous version to go back to");
	if (renameat2(driver, PREVIOUS, driver, EXECUTABLE, RENAME_EXCHANGE) < 0)
		return sd_error_errno(err, errno, "cannot exchange " PREVIOUS " and " EXECUTABLE);
	versions_look(plugin_fd, ret);
	return 0;
}

/*
 * In place, the executable and the directory last: kubelet takes events in other files of it for a change
 * of the driver, and the last one of all, the directory's end, for its removal.
 */
int versions_remove(int plugin_fd, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int r = lock(plugin_fd, err), fd;

	if (r < 0)
		return r;
	fd = open_dir(plugin_fd, DRIVER_NAME);
	dir = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *entry; r == 0 && dir && (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		        strcmp(entry->d_name, EXECUTABLE) != 0)
			r = tree_remove(fd, entry->d_name, err);
	return r < 0 ? r : tree_remove(plugin_fd, DRIVER_NAME, err);
}
