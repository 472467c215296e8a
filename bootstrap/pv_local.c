/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pv_local.h"
#include "pv.h"
#include "pv_maker.h"

#include <errno.h>
#include <stdio.h>

static uint32_t fnv(uint32_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
	return hash;
}

void pv_local_name(const char *entry, const char *node, const char *storage_class,
        char ret[PV_LOCAL_NAME_SIZE])
{
	uint32_t hash = fnv(fnv(fnv(UINT32_C(2166136261), entry), node), storage_class);

	(void)snprintf(ret, PV_LOCAL_NAME_SIZE, "local-pv-%x", hash);
}

uint64_t pv_local_capacity(uint64_t bytes)
{
	static const uint64_t units[] = { UINT64_C(1) << 30, UINT64_C(1) << 20 };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (bytes / units[i] >= 10)
			return bytes / units[i] * units[i];
	return bytes;
}

struct label_copy {
	struct pv_maker *maker;
	sd_json *labels;
};

static int copy_label(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct label_copy *copy = data;

	(void)err;
	pv_set_string(copy->maker, copy->labels, key, sd_json_as_string(value));
	return 0;
}

static sd_json *metadata(struct pv_maker *maker, const struct pv_local *pv)
{
	sd_json *json = pv_object(maker), *labels = pv_object(maker);
	sd_json *annotations = pv_object(maker);
	struct label_copy copy = { maker, labels };

	pv_set_string(maker, json, "name", pv->name);
	if (pv->labels)
		(void)sd_json_each(pv->labels, copy_label, &copy, NULL);
	pv_set_string(maker, labels, "app.kubernetes.io/managed-by", "solodisk");
	pv_set_string(maker, labels, PV_NODE_LABEL, pv->hostname);
	pv_set(maker, json, "labels", labels);
	pv_set_string(maker, annotations, PV_PROVISIONED_BY, PV_PROVISIONER);
	pv_set_string(maker, annotations, PV_CONTENT, pv->content[0] ? pv->content : NULL);
	pv_set_string(maker, annotations, PV_SHARED, pv->shared ? "true" : NULL);
	pv_set(maker, json, "annotations", annotations);
	pv_set_owner(maker, json, pv->owner_name, pv->owner_uid);
	return json;
}

static sd_json *spec(struct pv_maker *maker, const struct pv_local *pv)
{
	sd_json *json = pv_object(maker), *capacity = pv_object(maker), *local = pv_object(maker);

	pv_set_bytes(maker, capacity, "storage", pv->capacity);
	pv_set(maker, json, "capacity", capacity);
	pv_set_string(maker, json, "volumeMode", pv->mode == VOLUME_BLOCK ? "Block" : "Filesystem");
	pv_set(maker, json, "accessModes", pv_list_of(maker, sd_json_string("ReadWriteOnce")));
	pv_set_string(maker, json, "persistentVolumeReclaimPolicy",
	        pv->reclaim == RECLAIM_DELETE ? "Delete" : "Retain");
	pv_set_string(maker, json, "storageClassName", pv->storage_class);
	pv_set(maker, json, "nodeAffinity", pv_node_affinity(maker, pv->hostname));
	pv_set_string(maker, local, "path", pv->path);
	pv_set(maker, json, "local", local);
	return json;
}

int pv_local_make(const struct pv_local *pv, sd_json **ret, struct sd_error *err)
{
	struct pv_maker maker = { false };
	sd_json *own = metadata(&maker, pv);

	return pv_finish(&maker, own, spec(&maker, pv), ret, err);
}
