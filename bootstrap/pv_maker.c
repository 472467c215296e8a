/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pv_maker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

sd_json *pv_object(struct pv_maker *maker)
{
	sd_json *json = sd_json_object();

	maker->failed = maker->failed || !json;
	return json;
}

void pv_set(struct pv_maker *maker, sd_json *json, const char *key, sd_json *value)
{
	if (!json || sd_json_set(json, key, value) < 0)
		maker->failed = true;
}

void pv_set_string(struct pv_maker *maker, sd_json *json, const char *key, const char *value)
{
	if (!json || sd_json_set_string(json, key, value) < 0)
		maker->failed = true;
}

void pv_set_bytes(struct pv_maker *maker, sd_json *json, const char *key, uint64_t bytes)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64, bytes);
	pv_set_string(maker, json, key, text);
}

sd_json *pv_list_of(struct pv_maker *maker, sd_json *value)
{
	sd_json *array = sd_json_array();

	if (!array || sd_json_append(array, value) < 0)
		maker->failed = true;
	return array;
}

sd_json *pv_node_affinity(struct pv_maker *maker, const char *node)
{
	sd_json *expression = pv_object(maker), *term = pv_object(maker);
	sd_json *required = pv_object(maker), *json = pv_object(maker);

	pv_set_string(maker, expression, "key", "kubernetes.io/hostname");
	pv_set_string(maker, expression, "operator", "In");
	pv_set(maker, expression, "values", pv_list_of(maker, sd_json_string(node)));
	pv_set(maker, term, "matchExpressions", pv_list_of(maker, expression));
	pv_set(maker, required, "nodeSelectorTerms", pv_list_of(maker, term));
	pv_set(maker, json, "required", required);
	return json;
}

void pv_set_owner(struct pv_maker *maker, sd_json *metadata, const char *name, const char *uid)
{
	sd_json *json;

	if (!name)
		return;
	json = pv_object(maker);
	pv_set_string(maker, json, "apiVersion", "v1");
	pv_set_string(maker, json, "kind", "Node");
	pv_set_string(maker, json, "name", name);
	pv_set_string(maker, json, "uid", uid);
	pv_set(maker, metadata, "ownerReferences", pv_list_of(maker, json));
}

int pv_finish(struct pv_maker *maker, sd_json *metadata, sd_json *spec, sd_json **ret,
        struct sd_error *err)
{
	sd_json *json = pv_object(maker);

	pv_set_string(maker, json, "apiVersion", "v1");
	pv_set_string(maker, json, "kind", "PersistentVolume");
	pv_set(maker, json, "metadata", metadata);
	pv_set(maker, json, "spec", spec);
	if (maker->failed) {
		sd_json_free(json);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	*ret = json;
	return 0;
}
