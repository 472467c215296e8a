/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "cleanup.h"
#include "json.h"
#include "self.h"

#include <errno.h>
#include <string.h>

#define KUBELET_DIR "/var/lib/kubelet"

/* Beside the worker, wherever the driver is installed. In a bundle that is a link to where an admin has it. */
static int config_path(char *path, size_t size, struct sd_error *err)
{
	static const char name[] = "/.config.json";
	int r = sd_self_dir(path, size - sizeof(name));

	if (r < 0)
		return sd_error_errno(err, -r, "cannot find the driver's own directory");
	memcpy(path + strlen(path), name, sizeof(name));
	return 0;
}

static int refuse_unknown(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	static const char *const known[] = { "attach", "allowInline", "kubeletDir" };

	(void)value;
	(void)data;
	for (size_t i = 0; i < SD_ARRAY_SIZE(known); i++)
		if (strcmp(key, known[i]) == 0)
			return 0;
	return sd_error_set(
	        err, EINVAL, "unknown key \"%.64s\" (known: attach, allowInline, kubeletDir)", key);
}

static int from_json(const sd_json *json, struct sd_config *config, struct sd_error *err)
{
	const char *dir = NULL;
	int allow_inline = 0;
	int attach = 0;
	int r;

	if ((r = sd_json_each(json, refuse_unknown, NULL, err)) < 0 ||
	        (r = sd_json_get_bool(json, "attach", &attach, err)) < 0 ||
	        (r = sd_json_get_bool(json, "allowInline", &allow_inline, err)) < 0 ||
	        (r = sd_json_get_string(json, "kubeletDir", &dir, err)) < 0)
		return r;
	if (dir) {
		if (dir[0] != '/' || strlen(dir) >= sizeof(config->kubelet_dir))
			return sd_error_set(err, EINVAL, "\"kubeletDir\" is not an absolute path");
		memcpy(config->kubelet_dir, dir, strlen(dir) + 1);
	}
	config->attach = attach;
	config->allow_inline = allow_inline;
	return 0;
}

int sd_config_read(struct sd_config *ret, struct sd_error *err)
{
	struct sd_config config = { .kubelet_dir = KUBELET_DIR };
	_cleanup_json_ sd_json *json = NULL;
	char path[PATH_MAX];
	int r;

	*ret = config;
	r = config_path(path, sizeof(path), err);
	if (r < 0)
		return r;
	r = sd_json_load(path, &json, err);
	if (r == -ENOENT) {
		sd_error_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	r = from_json(json, &config, err);
	if (r < 0)
		return sd_error_wrap(err, "%s", path);
	*ret = config;
	return 0;
}
