/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_watch.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* A directory whose entries are watched. */
struct watched {
	uv_fs_event_t event;
	struct directory_watch *watch;
	char *path; /* as mountinfo has it: with white space in octal */
	bool is_watched;
};

struct directory_watch {
	uv_loop_t *loop;
	uv_poll_t mounts;
	int fd;          /* mountinfo */
	bool has_mounts; /* it tells of changes */
	uint64_t digest; /* of its lines that matter */
	struct watched *watched[NODE_DIRECTORIES_MAX];
	size_t n;
	unsigned handles; /* that are not closed yet */
	bool is_stopped;
	void (*changed)(void *data);
	void *data;
};

static void let_go(struct directory_watch *watch)
{
	if (!watch->is_stopped || watch->handles > 0)
		return;
	(void)close(watch->fd);
	free(watch);
}

static void on_watched_closed(uv_handle_t *handle)
{
	struct watched *watched = handle->data;
	struct directory_watch *watch = watched->watch;

	free(watched->path);
	free(watched);
	watch->handles--;
	let_go(watch);
}

static void on_mounts_closed(uv_handle_t *handle)
{
	struct directory_watch *watch = handle->data;

	watch->handles--;
	let_go(watch);
}

/*
 * As mountinfo spells it: without links, and what would end a field is escaped (fs/proc_namespace.c,
 * mangle()).
 */
static char *escape(const char *given)
{
	_cleanup_free_ char *resolved = realpath(given, NULL);
	const char *path = resolved ? resolved : given;
	char *escaped = malloc(4 * strlen(path) + 1), *p = escaped;

	for (; escaped && *path; path++)
		if (strchr(" \t\n\\#", *path))
			p += sprintf(p, "\\%03o", (unsigned char)*path);
		else
			*p++ = *path;
	if (escaped)
		*p = '\0';
	return escaped;
}

/* Whether a line of mountinfo is of a mount in one of the directories: its fifth field. */
static bool matters(const struct directory_watch *watch, const char *line)
{
	const char *target = line;

	for (unsigned i = 0; i < 4 && target; i++) {
		target = strchr(target, ' ');
		target = target ? target + 1 : NULL;
	}
	for (size_t i = 0; target && i < watch->n; i++) {
		size_t len = strlen(watch->watched[i]->path);

		if (strncmp(target, watch->watched[i]->path, len) == 0 &&
		        (target[len] == '/' || target[len] == ' '))
			return true;
	}
	return false;
}

/* FNV-1a of the lines that matter. What cannot be read is a change. */
static uint64_t read_digest(const struct directory_watch *watch)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	if (sd_root_path(path, sizeof(path), "/proc/self/mountinfo") == 0)
		f = fopen(path, "re");
	if (!f)
		return watch->digest + 1;
	while (getline(&line, &size, f) > 0)
		for (const char *p = line; *p && (p > line || matters(watch, line)); p++)
			hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
	return hash;
}

static void on_mounts(uv_poll_t *handle, int status, int events)
{
	struct directory_watch *watch = handle->data;
	uint64_t digest = read_digest(watch);

	(void)status;
	(void)events;
	if (digest == watch->digest)
		return;
	watch->digest = digest;
	watch->changed(watch->data);
}

static void on_entry(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct watched *watched = handle->data;

	(void)name;
	(void)events;
	if (status < 0)
		watched->is_watched = false;
	watched->watch->changed(watched->watch->data);
}

int directory_watch_start(uv_loop_t *loop, void (*changed)(void *data), void *data,
        struct directory_watch **ret, struct sd_error *err)
{
	_cleanup_free_ struct directory_watch *watch = calloc(1, sizeof(*watch));
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int r;

	if (!watch)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = sd_root_path(path, sizeof(path), "/proc/self/mountinfo");
	if (r < 0)
		return sd_error_set(err, ENAMETOOLONG, "cannot name mountinfo");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", path);
	watch->loop = loop;
	watch->fd = fd;
	watch->changed = changed;
	watch->data = data;
	r = uv_poll_init(loop, &watch->mounts, fd);
	if (r < 0 && r != UV_EPERM)
		return sd_error_errno(err, -r, "cannot listen to %s", path);
	watch->has_mounts = r == 0; /* else it is a recorded one */
	watch->mounts.data = watch;
	watch->handles = watch->has_mounts;
	(void)sd_steal_fd(fd);
	*ret = sd_steal(watch);
	/* The kernel says POLLPRI and POLLERR when a mount came or went (fs/proc_namespace.c). */
	r = r == 0 ? uv_poll_start(&(*ret)->mounts, UV_PRIORITIZED, on_mounts) : 0;
	return r < 0 ? sd_error_errno(err, -r, "cannot listen to %s", path) : 0;
}

static void forget_directories(struct directory_watch *watch)
{
	while (watch->n > 0)
		uv_close((uv_handle_t *)&watch->watched[--watch->n]->event, on_watched_closed);
}

static void add_directory(struct directory_watch *watch, const char *path)
{
	struct watched *watched = calloc(1, sizeof(*watched));

	if (watched)
		watched->path = escape(path);
	if (!watched || !watched->path || uv_fs_event_init(watch->loop, &watched->event) < 0) {
		if (watched)
			free(watched->path);
		free(watched);
		return;
	}
	watched->event.data = watched;
	watched->watch = watch;
	watch->watched[watch->n++] = watched;
	watch->handles++;
}

/* Whether they are the ones that are watched already. */
static bool are_the_same(const struct directory_watch *watch, const struct node_config *config)
{
	bool same = watch->n == config->n_directories;

	for (size_t i = 0; same && i < watch->n; i++) {
		_cleanup_free_ char *path = escape(config->directories[i].mount_path);

		same = path && strcmp(path, watch->watched[i]->path) == 0;
	}
	return same;
}

void directory_watch_these(struct directory_watch *watch, const struct node_config *config)
{
	if (!are_the_same(watch, config)) {
		forget_directories(watch);
		for (size_t i = 0; i < config->n_directories; i++)
			add_directory(watch, config->directories[i].mount_path);
	}
	for (size_t i = 0; i < watch->n && i < config->n_directories; i++)
		if (!watch->watched[i]->is_watched)
			watch->watched[i]->is_watched =
			        uv_fs_event_start(&watch->watched[i]->event, on_entry,
			                config->directories[i].mount_path, 0) == 0;
	watch->digest = read_digest(watch);
}

void directory_watch_stop(struct directory_watch *watch)
{
	if (!watch || watch->is_stopped)
		return;
	watch->is_stopped = true;
	forget_directories(watch);
	if (watch->has_mounts)
		uv_close((uv_handle_t *)&watch->mounts, on_mounts_closed);
	else
		let_go(watch);
}
