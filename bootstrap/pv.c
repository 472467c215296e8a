/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define LUKS_HEADER (16ull << 20) /* LUKS2's data offset, see sd_crypt_format() */

/*
 * The helpers go on without memory (NULL), so that the whole can be written down in its order; the
 * lack is noticed at the end, by pv_make().
 */
struct maker {
	bool failed;
};

static sd_json *object(struct maker *maker)
{
	sd_json *json = sd_json_object();

	maker->failed = maker->failed || !json;
	return json;
}

static void set(struct maker *maker, sd_json *json, const char *key, sd_json *value)
{
	if (!json || sd_json_set(json, key, value) < 0)
		maker->failed = true;
}

static void set_string(struct maker *maker, sd_json *json, const char *key, const char *value)
{
	if (!json || sd_json_set_string(json, key, value) < 0)
		maker->failed = true;
}

static sd_json *list_of(struct maker *maker, sd_json *value)
{
	sd_json *array = sd_json_array();

	if (!array || sd_json_append(array, value) < 0)
		maker->failed = true;
	return array;
}

static sd_json *metadata(struct maker *maker, const struct pv *pv)
{
	sd_json *json = object(maker), *labels = object(maker), *annotations = object(maker);
	char name[SD_PV_NAME_SIZE];

	sd_id_pv_name(pv->id, name);
	set_string(maker, json, "name", name);
	set_string(maker, labels, "app.kubernetes.io/managed-by", "solodisk");
	set(maker, json, "labels", labels);
	set_string(maker, annotations, "pv.kubernetes.io/provisioned-by", PV_PROVISIONER);
	set_string(maker, annotations, "solodisk.io/wwid", pv->wwid);
	set_string(maker, annotations, "solodisk.io/adopted", pv->adopted ? "true" : NULL);
	set(maker, json, "annotations", annotations);
	return json;
}

static sd_json *flex_volume(struct maker *maker, const struct pv *pv)
{
	sd_json *json = object(maker), *options = object(maker), *secret;

	set_string(maker, json, "driver", PV_DRIVER);
	set_string(maker, json, "fsType", pv->fs_type);
	set_string(maker, options, "volumeID", pv->id);
	set_string(maker, options, "wwid", pv->wwid);
	set_string(maker, options, "encryption", pv->luks ? "luks2" : NULL);
	set_string(maker, options, "key", pv->key);
	set(maker, json, "options", options);
	if (pv->secret_name) {
		secret = object(maker);
		set_string(maker, secret, "name", pv->secret_name);
		set_string(maker, secret, "namespace", pv->secret_namespace);
		set(maker, json, "secretRef", secret);
	}
	return json;
}

static sd_json *node_affinity(struct maker *maker, const struct pv *pv)
{
	sd_json *expression = object(maker), *term = object(maker), *required = object(maker);
	sd_json *json = object(maker);

	set_string(maker, expression, "key", "kubernetes.io/hostname");
	set_string(maker, expression, "operator", "In");
	set(maker, expression, "values", list_of(maker, sd_json_string(pv->node)));
	set(maker, term, "matchExpressions", list_of(maker, expression));
	set(maker, required, "nodeSelectorTerms", list_of(maker, term));
	set(maker, json, "required", required);
	return json;
}

/* Without a UID the claim of that name is the one, also when it does not exist yet (pv_controller.go). */
static sd_json *claim_reference(struct maker *maker, const struct pv *pv)
{
	sd_json *json = object(maker);

	set_string(maker, json, "apiVersion", "v1");
	set_string(maker, json, "kind", "PersistentVolumeClaim");
	set_string(maker, json, "namespace", pv->claim_namespace);
	set_string(maker, json, "name", pv->claim_name);
	return json;
}

static sd_json *spec(struct maker *maker, const struct pv *pv)
{
	sd_json *json = object(maker), *capacity = object(maker);
	char bytes[32];

	(void)snprintf(bytes, sizeof(bytes), "%" PRIu64, pv->capacity);
	set_string(maker, capacity, "storage", bytes);
	set(maker, json, "capacity", capacity);
	set_string(maker, json, "volumeMode", "Filesystem");
	set(maker, json, "accessModes", list_of(maker, sd_json_string("ReadWriteOnce")));
	set_string(maker, json, "persistentVolumeReclaimPolicy", pv->reclaim);
	set_string(maker, json, "storageClassName", pv->storage_class);
	if (pv->claim_name)
		set(maker, json, "claimRef", claim_reference(maker, pv));
	set(maker, json, "nodeAffinity", node_affinity(maker, pv));
	set(maker, json, "flexVolume", flex_volume(maker, pv));
	return json;
}

uint64_t pv_capacity(uint64_t partition_size, bool luks)
{
	return partition_size - (luks ? LUKS_HEADER : 0);
}

int pv_make(const struct pv *pv, sd_json **ret, struct sd_error *err)
{
	struct maker maker = { false };
	sd_json *json = object(&maker);

	set_string(&maker, json, "apiVersion", "v1");
	set_string(&maker, json, "kind", "PersistentVolume");
	set(&maker, json, "metadata", metadata(&maker, pv));
	set(&maker, json, "spec", spec(&maker, pv));
	if (maker.failed) {
		sd_json_free(json);
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	*ret = json;
	return 0;
}
