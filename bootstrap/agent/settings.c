/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"
#include "cleanup.h"
#include "log.h"
#include "root.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

#define SETTLE_MS 200 /* a change is often several events */

static int name_path(const char *path, char **ret, struct sd_error *err)
{
	char file[PATH_MAX];
	int r;

	if (!path) {
		r = sd_root_path(file, sizeof(file), NODE_CONFIG_PATH);
		if (r < 0)
			return sd_error_errno(err, -r, "cannot name %s", NODE_CONFIG_PATH);
		path = file;
	}
	*ret = strdup(path);
	return *ret ? 0 : sd_error_set(err, ENOMEM, "out of memory");
}

/* No file is an empty one. */
static int read_config(const char *path, struct node_config *ret, struct sd_error *err)
{
	int r = node_config_read(path, ret, err);

	if (r != -ENOENT)
		return r;
	sd_error_clear(err);
	*ret = (struct node_config){ 0 };
	return 0;
}

static bool is_same(const struct node_config *a, const struct node_config *b)
{
	return a->document.len == b->document.len &&
	        (a->document.len == 0 ||
	                memcmp(a->document.text, b->document.text, a->document.len) == 0);
}

static void refuse(struct settings *settings, const struct sd_error *why)
{
	if (strcmp(settings->fault.text, why->text) == 0)
		return;
	settings->fault = *why;
	sd_log(LOG_ERR, "the configuration is refused, and the old one stays in force: %s",
	        why->text);
	settings->changed(settings->data);
}

void settings_look(struct settings *settings)
{
	_cleanup_node_config_ struct node_config config = { 0 };
	struct node_config old = settings->config;
	struct sd_error err = SD_ERROR_INIT;
	bool was_bad = settings->fault.code != 0;

	/* A file that is gone is no empty one: what it said of released disks was meant. */
	if (node_config_read(settings->path, &config, &err) < 0 &&
	        (err.code != ENOENT || old.document.len > 0)) {
		refuse(settings, &err);
		return;
	}
	sd_error_clear(&settings->fault);
	if (is_same(&config, &old)) {
		if (was_bad)
			settings->changed(settings->data);
		return;
	}
	settings->config = config;
	config = old;
	settings->n_loads++;
	sd_log(LOG_NOTICE, "%s is in force: %zu pools, %zu directories", settings->path,
	        settings->config.n_pools, settings->config.n_directories);
	settings->changed(settings->data);
}

static void on_settled(uv_timer_t *timer)
{
	settings_look(timer->data);
}

/*
 * The directory is watched, not the file: the link ..data in it is what kubelet swaps
 * (pkg/volume/util/atomic_writer.go), and a rename makes another file.
 */
static void on_event(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct settings *settings = watch->data;

	(void)name;
	(void)events;
	(void)status;
	(void)uv_timer_start(&settings->settle, on_settled, SETTLE_MS, 0);
}

static void watch_directory(struct settings *settings)
{
	_cleanup_free_ char *copy = strdup(settings->path);
	int r = copy ? uv_fs_event_start(&settings->watch, on_event, dirname(copy), 0) : -ENOMEM;

	if (r < 0)
		sd_log(LOG_NOTICE,
		        "%s: changes of it are noticed with the next look at all disks only: %s",
		        settings->path, strerror(-r));
}

int settings_open(uv_loop_t *loop, const char *path, struct settings *ret, struct sd_error *err)
{
	int r = name_path(path, &ret->path, err);

	if (r == 0)
		r = read_config(ret->path, &ret->config, err);
	if (r < 0)
		return r;
	ret->watch.data = ret->settle.data = ret;
	(void)uv_timer_init(loop, &ret->settle);
	(void)uv_fs_event_init(loop, &ret->watch);
	watch_directory(ret);
	return 0;
}

void settings_stop(struct settings *settings)
{
	if (!settings->settle.loop)
		return;
	uv_close((uv_handle_t *)&settings->settle, NULL);
	uv_close((uv_handle_t *)&settings->watch, NULL);
}

void settings_free(struct settings *settings)
{
	node_config_free(&settings->config);
	free(settings->path);
	settings->path = NULL;
}
