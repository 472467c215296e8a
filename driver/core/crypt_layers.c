/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypt_private.h"
#include "cleanup.h"
#include "dm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REMOVE_RETRY_MS 1000

/* From above; the names and UUIDs are libcryptsetup's (lib/luks2/luks2_reencrypt.c, libdevmapper.c). */
static const char *const suffixes[] = { "-overlay", "-hotzone-forward", "-hotzone-backward" };

#define LAYERS SD_ARRAY_SIZE(suffixes)

struct layer {
	char name[SD_MAPPING_NAME_SIZE + 32];
	bool exists;
	dev_t devno;
};

void sd_crypt_dm_uuid(char *buf, size_t size, const char *type, const char *id)
{
	char digits[SD_ID_SIZE];
	size_t n = 0;

	for (const char *p = id; *p; p++)
		if (*p != '-')
			digits[n++] = *p;
	digits[n] = '\0';
	(void)snprintf(buf, size, "CRYPT-%s-%s-", type, digits);
}

/* Looks for one; a mapping of that name with another UUID is somebody else's. */
static int find(const char *id, const char *name, const char *suffix, struct layer *ret,
        struct sd_error *err)
{
	char uuid[160], prefix[80];
	int r;

	(void)snprintf(ret->name, sizeof(ret->name), "%s%s", name, suffix);
	sd_crypt_dm_uuid(prefix, sizeof(prefix), "SUBDEV", id);
	r = sd_dm_find(ret->name, &ret->devno, uuid, sizeof(uuid), err);
	if (r > 0 &&
	        (strncmp(uuid, prefix, strlen(prefix)) != 0 ||
	                strcmp(uuid + strlen(prefix), ret->name) != 0))
		return sd_error_set(err, EEXIST,
		        "there is a mapping %s that is not this volume's: its UUID is \"%s\"",
		        ret->name, uuid);
	ret->exists = r > 0;
	return r < 0 ? r : 0;
}

static int find_all(
        const char *id, const char *name, struct layer layers[LAYERS], struct sd_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < LAYERS; i++)
		r = find(id, name, suffixes[i], &layers[i], err);
	return r;
}

static bool is_expected(dev_t below, dev_t device, const struct layer layers[LAYERS])
{
	for (size_t i = 0; i < LAYERS; i++)
		if (layers[i].exists && layers[i].devno == below)
			return true;
	return below == device;
}

static int check_layer(const struct layer *layer, dev_t device, const struct layer layers[LAYERS],
        struct sd_error *err)
{
	dev_t below[SD_DM_DEPS];
	size_t n = 0;
	int r = sd_dm_backings(layer->name, below, &n, err);

	for (size_t i = 0; r > 0 && i < n; i++)
		if (!is_expected(below[i], device, layers))
			return sd_error_set(err, EEXIST,
			        "the mapping %s lies on another device than the volume's; close it "
			        "(cryptsetup close) when nothing uses it any more",
			        layer->name);
	return r < 0 ? r : 0;
}

int sd_crypt_layers_check(const char *id, const char *name, dev_t device, struct sd_error *err)
{
	struct layer layers[LAYERS] = { 0 };
	dev_t below = 0;
	int r;

	r = find(id, name, suffixes[0], &layers[0], err);
	if (r < 0 || !layers[0].exists)
		return r;
	r = find_all(id, name, layers, err);
	if (r == 0)
		r = sd_dm_backing(name, &below, err);
	if (r < 0)
		return r;
	if (below != layers[0].devno)
		return 0; /* they are there, but the mapping has nothing to do with them */
	for (size_t i = 0; device && i < LAYERS; i++) {
		r = layers[i].exists ? check_layer(&layers[i], device, layers, err) : 0;
		if (r < 0)
			return r;
	}
	return 1;
}

int sd_crypt_layers_remove(const char *id, struct sd_error *err)
{
	struct layer layers[LAYERS] = { 0 };
	char name[SD_MAPPING_NAME_SIZE];
	int r;

	sd_id_mapping_name(id, name);
	r = find_all(id, name, layers, err);
	for (size_t i = 0; r == 0 && i < LAYERS; i++)
		if (layers[i].exists)
			r = sd_dm_remove(layers[i].name, REMOVE_RETRY_MS, err);
	return r;
}

int sd_crypt_clear_layers(const char *id, struct sd_error *err)
{
	struct layer layers[LAYERS] = { 0 };
	char name[SD_MAPPING_NAME_SIZE];
	bool any = false;
	int r;

	sd_id_mapping_name(id, name);
	r = find_all(id, name, layers, err);
	for (size_t i = 0; i < LAYERS; i++)
		any = any || layers[i].exists;
	if (r < 0 || !any)
		return r;
	r = sd_dm_restore(name, err);
	return r < 0 ? r : sd_crypt_layers_remove(id, err);
}

int sd_crypt_cut_off(const char *id, struct sd_error *err)
{
	struct layer layers[LAYERS] = { 0 };
	char name[SD_MAPPING_NAME_SIZE];
	int r;

	sd_id_mapping_name(id, name);
	r = find_all(id, name, layers, err);
	/* From below, so that nothing waits in what comes next. */
	for (size_t i = LAYERS; r == 0 && i > 0; i--)
		if (layers[i - 1].exists)
			r = sd_dm_fail(layers[i - 1].name, layers[i - 1].devno, err);
	return r == 0 ? sd_dm_resume(name, err) : r;
}
