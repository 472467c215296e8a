/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dead.h"
#include "cleanup.h"
#include "mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void dead_describe(const char *id, const struct sd_mapping *mapping, char *ret_text, size_t size)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	int r = sd_mounts_of_device(mapping->devno, &list, NULL);

	(void)snprintf(ret_text, size, "%s (%s) of volume %s lies on a disk that is gone; %s%s",
	        mapping->name, mapping->node, id,
	        r < 0                ? "where it is mounted could not be told"
	                : list.n > 0 ? "it is still mounted at "
	                             : "it is mounted nowhere, and is closed when the volume is "
	                               "used next",
	        r == 0 && list.n > 0 ? list.mount[0].target : "");
}

static int print_one(
        const char *id, const struct sd_mapping *mapping, void *data, struct sd_error *err)
{
	char text[1000];

	(void)data;
	(void)err;
	dead_describe(id, mapping, text, sizeof(text));
	printf("%s\n", text);
	return 0;
}

int dead_print(struct sd_error *err)
{
	int r = sd_crypt_each_dead(print_one, NULL, err);

	if (r != -EACCES)
		return r;
	sd_error_clear(err);
	puts("whether a disk that is gone has left a mapping could not be told: needs root");
	return 0;
}

static int append_one(
        const char *id, const struct sd_mapping *mapping, void *data, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	sd_json *object = sd_json_object(), *mounts = sd_json_array();
	int r;

	r = sd_mounts_of_device(mapping->devno, &list, err);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		(void)sd_json_append(mounts, sd_json_string(list.mount[i].target));
	if (r == 0 && (!object || !mounts))
		r = sd_error_set(err, ENOMEM, "out of memory");
	if (r < 0) {
		sd_json_free(object);
		sd_json_free(mounts);
		return r;
	}
	(void)sd_json_set_string(object, "mapping", mapping->name);
	(void)sd_json_set_string(object, "node", mapping->node);
	(void)sd_json_set_string(object, "volumeID", id);
	(void)sd_json_set(object, "mounts", mounts);
	return sd_json_append(data, object) < 0 ? sd_error_set(err, ENOMEM, "out of memory") : 0;
}

int dead_json(sd_json **ret, struct sd_error *err)
{
	_cleanup_json_ sd_json *array = sd_json_array();
	int r;

	if (!array)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = sd_crypt_each_dead(append_one, array, err);
	if (r == 0)
		*ret = sd_steal(array);
	if (r != -EACCES)
		return r;
	sd_error_clear(err); /* needs root, as much of the list does */
	*ret = NULL;
	return 0;
}

void dead_add_to_error(const char *word, struct sd_error *err)
{
	struct sd_mapping mapping;
	char text[sizeof(err->text)], about[600];

	if (strncmp(word, SD_PV_NAME_PREFIX, strlen(SD_PV_NAME_PREFIX)) == 0)
		word += strlen(SD_PV_NAME_PREFIX);
	if (!sd_id_is_valid(word) || sd_crypt_find_dead(word, &mapping, NULL) <= 0)
		return;
	dead_describe(word, &mapping, about, sizeof(about));
	(void)snprintf(text, sizeof(text), "%s", err->text);
	sd_error_set(err, err->code, "%s; but %s", text, about);
}
