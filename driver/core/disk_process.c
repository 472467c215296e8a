/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk_process.h"
#include "cleanup.h"
#include "root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The initial PID namespace has a fixed number, PROC_PID_INIT_INO in include/linux/proc_ns.h. */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

/* Errors that only say that the process ended while it was looked at. */
static bool process_is_gone(int code)
{
	return code == ENOENT || code == ESRCH || code == EINVAL;
}

static int process_link(char *buf, size_t size, const char *path)
{
	ssize_t n = readlink(path, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* Runs check for every process. A namespace of our own would hide the other processes. */
static int process_each(const struct sd_device_set *set, void *data,
        int (*check)(
                const char *pid, const struct sd_device_set *set, void *data, struct sd_error *err),
        struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX], link[64];
	struct dirent *entry;
	int r;

	(void)sd_root_path(path, sizeof(path), "/proc/self/ns/pid");
	r = process_link(link, sizeof(link), path);
	if (r < 0)
		return sd_error_errno(
		        err, -r, "could not tell who uses %s (%s)", set->device[0].name, path);
	if (strcmp(link, INITIAL_PID_NAMESPACE) != 0)
		return sd_error_set(err, EACCES,
		        "could not tell who uses %s: the node's other processes cannot be seen from this "
		        "container; it needs hostPID: true",
		        set->device[0].name);
	if (sd_root_path(path, sizeof(path), "/proc") < 0 || !(dir = opendir(path)))
		return sd_error_errno(
		        err, errno, "could not tell who uses %s (%s)", set->device[0].name, path);
	while (errno = 0, (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		r = check(entry->d_name, set, data, err);
		if (r < 0)
			return r;
	}
	return errno ? sd_error_errno(err, errno, "could not tell who uses %s", set->device[0].name)
	             : 0;
}

static void process_name(const char *pid, char *ret, size_t size)
{
	char comm[32];

	(void)sd_root_read(comm, sizeof(comm), "/proc/%s/comm", pid);
	(void)snprintf(ret, size, "%s (process %s)", comm[0] ? comm : "unnamed", pid);
}

/*
 * One line of mountinfo (proc(5)): ID, parent, major:minor, root, mount point, options, optional fields
 * up to " - ", then type and source. The number of a btrfs is not its device's, so its source counts.
 */
static const char *mount_device(char *line, const struct sd_device_set *set, const char **ret_dir)
{
	unsigned major_number, minor_number;
	char *tail = strstr(line, " - "), *dir, *source;
	const char *name;
	int at = 0;

	if (sscanf(line, "%*d %*d %u:%u %*s %n", &major_number, &minor_number, &at) != 2 || !at ||
	        !tail)
		return NULL;
	tail += 3;
	source = strchr(tail, ' ');
	dir = line + at;
	dir[strcspn(dir, " ")] = '\0';
	*ret_dir = dir;
	name = sd_device_set_by_devno(set, makedev(major_number, minor_number));
	if (name || !source || major_number)
		return name;
	source++;
	source[strcspn(source, " \n")] = '\0';
	return sd_device_set_by_path(set, source);
}

struct namespaces {
	char (*link)[64];
	size_t n;
	char own[64];
};

static void namespaces_free(struct namespaces *ns)
{
	free(ns->link);
}

/* Returns 1: not seen before; 0: seen. */
static int namespaces_add(struct namespaces *ns, const char *link)
{
	size_t i;
	void *p;

	for (i = 0; i < ns->n; i++)
		if (!strcmp(ns->link[i], link))
			return 0;
	p = reallocarray(ns->link, ns->n + 1, sizeof(*ns->link));
	if (!p)
		return -ENOMEM;
	ns->link = p;
	(void)snprintf(ns->link[ns->n++], sizeof(*ns->link), "%s", link);
	return 1;
}

static int process_mounts(
        const char *pid, const struct sd_device_set *set, void *data, struct sd_error *err)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	struct namespaces *ns = data;
	char path[PATH_MAX], link[64];
	size_t room = 0;
	int r;

	(void)sd_root_path(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	r = process_link(link, sizeof(link), path);
	if (r == 0)
		r = namespaces_add(ns, link);
	if (r == 0 || process_is_gone(-r))
		return 0;
	(void)sd_root_path(path, sizeof(path), "/proc/%s/mountinfo", pid);
	if (r > 0 && !(f = fopen(path, "re")))
		r = -errno;
	if (r < 0 && process_is_gone(-r)) {
		ns->n--; /* another process may still show this namespace */
		return 0;
	}
	if (r < 0)
		return sd_error_errno(err, -r, "could not tell what process %s has mounted", pid);
	while (errno = 0, getline(&line, &room, f) >= 0) {
		const char *dir = "", *name = mount_device(line, set, &dir);
		char who[64];

		if (!name)
			continue;
		process_name(pid, who, sizeof(who));
		return sd_error_set(err, EBUSY, "%s is mounted at %s%s%s", name, dir,
		        strcmp(link, ns->own) != 0 ? " in the mount namespace of " : "",
		        strcmp(link, ns->own) != 0 ? who : "");
	}
	if (errno && !process_is_gone(errno))
		return sd_error_errno(
		        err, errno, "could not tell what process %s has mounted", pid);
	return 0;
}

int sd_process_check_mounts(const struct sd_device_set *set, struct sd_error *err)
{
	__attribute__((cleanup(namespaces_free))) struct namespaces ns = { NULL, 0, "" };
	char path[PATH_MAX];

	(void)sd_root_path(path, sizeof(path), "/proc/self/ns/mnt");
	(void)process_link(ns.own, sizeof(ns.own), path);
	return process_each(set, &ns, process_mounts, err);
}

/* Which device of the set an open descriptor is, NULL: none. fd: "/proc/PID/fd/N", below the prefix. */
static const char *descriptor_device(const char *fd, const struct sd_device_set *set)
{
	char target[PATH_MAX];
	struct statx stx;
	const char *name;

	if (process_link(target, sizeof(target), fd) < 0 || target[0] != '/')
		return NULL; /* gone, or a socket, a pipe and the like */
	name = sd_device_set_by_name(set, target);
	if (name)
		return name;
	/* a node of another mount namespace or one that was removed: the link itself leads to it */
	if (statx(AT_FDCWD, fd, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 ||
	        !S_ISBLK(stx.stx_mode))
		return NULL;
	return sd_device_set_by_devno(set, makedev(stx.stx_rdev_major, stx.stx_rdev_minor));
}

static bool descriptor_writes(const char *pid, const char *fd)
{
	char text[64];
	unsigned flags;

	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX];

	(void)sd_root_path(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, "flags: %o", &flags) == 1)
			return (flags & O_ACCMODE) != O_RDONLY;
	return f != NULL; /* closed meanwhile: no; no flags to be read: not known, so yes */
}

static int process_writes(
        const char *pid, const struct sd_device_set *set, void *data, struct sd_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *own = data;
	char path[PATH_MAX];
	struct dirent *entry;

	if (!strcmp(pid, own))
		return 0;
	(void)sd_root_path(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return process_is_gone(errno)
		        ? 0
		        : sd_error_errno(
		                  err, errno, "could not tell what process %s has open", pid);
	while (errno = 0, (entry = readdir(dir))) {
		const char *name;
		char who[64];

		if (entry->d_name[0] == '.')
			continue;
		(void)sd_root_path(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		name = descriptor_device(path, set);
		if (!name || !descriptor_writes(pid, entry->d_name))
			continue;
		process_name(pid, who, sizeof(who));
		return sd_error_set(err, EBUSY, "%s is open for writing by %s", name, who);
	}
	if (errno && !process_is_gone(errno))
		return sd_error_errno(err, errno, "could not tell what process %s has open", pid);
	return 0;
}

int sd_process_check_writers(const struct sd_device_set *set, struct sd_error *err)
{
	char own[16];

	(void)snprintf(own, sizeof(own), "%d", getpid());
	return process_each(set, own, process_writes, err);
}
