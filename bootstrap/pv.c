/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pv.h"
#include "pv_maker.h"

#include <errno.h>
#include <stdio.h>

#define LUKS_HEADER (16ull << 20) /* LUKS2's data offset, see sd_crypt_format() */

static const char *filled(const char *text)
{
	return text && *text ? text : NULL;
}

static sd_json *metadata(struct pv_maker *maker, const struct pv *pv)
{
	sd_json *json = pv_object(maker), *labels = pv_object(maker),
	        *annotations = pv_object(maker);
	char name[SD_PV_NAME_SIZE];

	sd_id_pv_name(pv->id, name);
	pv_set_string(maker, json, "name", name);
	pv_set_string(maker, labels, "app.kubernetes.io/managed-by", "solodisk");
	pv_set_string(maker, labels, PV_NODE_LABEL, pv->node);
	pv_set_string(maker, labels, PV_POOL, pv->pool);
	pv_set_string(maker, labels, PV_ROTATIONAL, pv->rotational);
	pv_set(maker, json, "labels", labels);
	pv_set_string(maker, annotations, PV_PROVISIONED_BY, PV_PROVISIONER);
	pv_set_string(maker, annotations, PV_WWID, pv->wwid);
	pv_set_string(maker, annotations, PV_POOL, pv->pool);
	pv_set_string(maker, annotations, "solodisk.io/model", filled(pv->model));
	pv_set_string(maker, annotations, "solodisk.io/serial", filled(pv->serial));
	pv_set_string(maker, annotations, "solodisk.io/adopted", pv->adopted ? "true" : NULL);
	pv_set_string(maker, annotations, PV_RESERVED, pv->reserved ? "true" : NULL);
	pv_set(maker, json, "annotations", annotations);
	pv_set_owner(maker, json, pv->owner_name, pv->owner_uid);
	return json;
}

static sd_json *flex_volume(struct pv_maker *maker, const struct pv *pv)
{
	sd_json *json = pv_object(maker), *options = pv_object(maker), *secret;

	pv_set_string(maker, json, "driver", PV_DRIVER);
	pv_set_string(maker, json, "fsType", pv->fs_type);
	pv_set_string(maker, options, "volumeID", pv->id);
	pv_set_string(maker, options, "wwid", pv->wwid);
	pv_set_string(maker, options, "encryption", pv->luks ? "luks2" : NULL);
	pv_set_string(maker, options, "key", pv->key);
	pv_set_string(maker, options, "mountOptions", pv->mount_options);
	pv_set(maker, json, "options", options);
	if (pv->secret_name) {
		secret = pv_object(maker);
		pv_set_string(maker, secret, "name", pv->secret_name);
		pv_set_string(maker, secret, "namespace", pv->secret_namespace);
		pv_set(maker, json, "secretRef", secret);
	}
	return json;
}

/* Without a UID the claim of that name is the one, also when it does not exist yet (pv_controller.go). */
static sd_json *claim_reference(struct pv_maker *maker, const struct pv *pv)
{
	sd_json *json = pv_object(maker);

	pv_set_string(maker, json, "apiVersion", "v1");
	pv_set_string(maker, json, "kind", "PersistentVolumeClaim");
	pv_set_string(maker, json, "namespace", pv->claim_namespace);
	pv_set_string(maker, json, "name", pv->claim_name);
	return json;
}

static sd_json *local(struct pv_maker *maker, const struct pv *pv)
{
	sd_json *json = pv_object(maker);
	char path[sizeof(PV_BLOCK_PATH) + SD_ID_SIZE];

	(void)snprintf(path, sizeof(path), PV_BLOCK_PATH "%s", pv->id);
	pv_set_string(maker, json, "path", path);
	return json;
}

static sd_json *spec(struct pv_maker *maker, const struct pv *pv)
{
	sd_json *json = pv_object(maker), *capacity = pv_object(maker);

	pv_set_bytes(maker, capacity, "storage", pv->capacity);
	pv_set(maker, json, "capacity", capacity);
	pv_set_string(maker, json, "volumeMode", pv->block ? "Block" : "Filesystem");
	pv_set(maker, json, "accessModes", pv_list_of(maker, sd_json_string("ReadWriteOnce")));
	pv_set_string(maker, json, "persistentVolumeReclaimPolicy", pv->reclaim);
	pv_set_string(maker, json, "storageClassName", pv->storage_class);
	if (pv->claim_name)
		pv_set(maker, json, "claimRef", claim_reference(maker, pv));
	pv_set(maker, json, "nodeAffinity", pv_node_affinity(maker, pv->node));
	if (pv->block)
		pv_set(maker, json, "local", local(maker, pv));
	else
		pv_set(maker, json, "flexVolume", flex_volume(maker, pv));
	return json;
}

uint64_t pv_capacity(uint64_t partition_size, bool luks)
{
	return partition_size - (luks ? LUKS_HEADER : 0);
}

int pv_make(const struct pv *pv, sd_json **ret, struct sd_error *err)
{
	struct pv_maker maker = { false };
	struct pv reserved = *pv;
	sd_json *own = metadata(&maker, pv);

	if (pv->reserved) {
		reserved.claim_namespace = PV_RESERVED_NAMESPACE;
		reserved.claim_name = pv->id;
	}
	return pv_finish(&maker, own, spec(&maker, &reserved), ret, err);
}
