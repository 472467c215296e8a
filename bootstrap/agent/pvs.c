/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pvs.h"
#include "cleanup.h"
#include "pv.h"

#include <errno.h>
#include <string.h>

static const char *string_of(const sd_json *object, const char *key)
{
	return sd_json_as_string(sd_json_get(object, key));
}

/* Without memory the field is missing and *failed is set. */
static char *copy_of(const sd_json *object, const char *key, bool *failed)
{
	const char *text = string_of(object, key);
	char *copy = text ? strdup(text) : NULL;

	*failed = *failed || (text && !copy);
	return copy;
}

static enum pv_phase phase_by_name(const char *name)
{
	static const char *const names[] = {
		[PV_PENDING] = "Pending",
		[PV_AVAILABLE] = "Available",
		[PV_BOUND] = "Bound",
		[PV_RELEASED] = "Released",
		[PV_FAILED] = "Failed",
	};

	for (size_t i = 0; name && i < SD_ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum pv_phase)i;
	return PV_PENDING; /* the controller has not seen it yet */
}

int quantity_parse(const char *text, uint64_t *ret)
{
	static const struct {
		const char *suffix;
		double factor;
	} units[] = {
		{ "", 1 },
		{ "m", 1e-3 },
		{ "k", 1e3 },
		{ "M", 1e6 },
		{ "G", 1e9 },
		{ "T", 1e12 },
		{ "P", 1e15 },
		{ "E", 1e18 },
		{ "Ki", 0x1p10 },
		{ "Mi", 0x1p20 },
		{ "Gi", 0x1p30 },
		{ "Ti", 0x1p40 },
		{ "Pi", 0x1p50 },
		{ "Ei", 0x1p60 },
	};
	size_t digits = strspn(text, "0123456789");
	char *end;
	double value;

	if (digits == 0 || text[digits] == 'x' || text[digits] == 'X')
		return -EINVAL;
	/* strtod() would take the E of "2E" for an exponent without digits, and leaves it, as it should. */
	value = strtod(text, &end);
	for (size_t i = 0; i < SD_ARRAY_SIZE(units); i++) {
		double bytes = value * units[i].factor;

		if (strcmp(end, units[i].suffix) != 0)
			continue;
		if (!(bytes < 0x1p63))
			return -EINVAL;
		*ret = (uint64_t)bytes;
		*ret += (double)*ret < bytes;
		return 0;
	}
	return -EINVAL;
}

/* The one value of the one term that solodisk and the static provisioner write; else NULL. */
static const sd_json *hostname_value(const sd_json *spec)
{
	const sd_json *affinity = sd_json_get(spec, "nodeAffinity");
	const sd_json *terms = sd_json_get(sd_json_get(affinity, "required"), "nodeSelectorTerms");

	for (size_t i = 0; i < sd_json_size(terms); i++) {
		const sd_json *all = sd_json_get(sd_json_at(terms, i), "matchExpressions");

		for (size_t j = 0; j < sd_json_size(all); j++) {
			const sd_json *one = sd_json_at(all, j);
			const char *key = string_of(one, "key");

			if (key && strcmp(key, "kubernetes.io/hostname") == 0)
				return sd_json_at(sd_json_get(one, "values"), 0);
		}
	}
	return NULL;
}

static void take_id(struct pv_view *pv)
{
	size_t prefix = strlen(SD_PV_NAME_PREFIX);

	if (strncmp(pv->name, SD_PV_NAME_PREFIX, prefix) == 0 && sd_id_is_valid(pv->name + prefix))
		memcpy(pv->id, pv->name + prefix, sizeof(pv->id));
}

static int take_metadata(const sd_json *metadata, struct pv_view *pv, struct sd_error *err)
{
	const sd_json *annotations = sd_json_get(metadata, "annotations");
	bool failed = false;

	pv->name = copy_of(metadata, "name", &failed);
	pv->uid = copy_of(metadata, "uid", &failed);
	pv->version = copy_of(metadata, "resourceVersion", &failed);
	pv->is_going = sd_json_get(metadata, "deletionTimestamp") != NULL;
	pv->wwid = copy_of(annotations, PV_WWID, &failed);
	pv->pool = copy_of(annotations, PV_POOL, &failed);
	pv->provisioner = copy_of(annotations, PV_PROVISIONED_BY, &failed);
	pv->missing_since = copy_of(annotations, PV_MISSING, &failed);
	pv->progress = copy_of(annotations, PV_PROGRESS, &failed);
	pv->is_reserved = string_of(annotations, PV_RESERVED) != NULL;
	if (failed)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (!pv->name || !pv->uid || !pv->version)
		return sd_error_set(err, EINVAL, "an object without name, UID or version");
	take_id(pv);
	return 0;
}

static int take_claim(const sd_json *spec, struct pv_view *pv)
{
	const sd_json *claim = sd_json_get(spec, "claimRef");
	const char *space = string_of(claim, "namespace"), *name = string_of(claim, "name");

	if (!claim)
		return 0;
	pv->is_claimed = string_of(claim, "uid") != NULL;
	return asprintf(&pv->claim, "%s/%s", space ? space : "", name ? name : "");
}

static int take_spec(const sd_json *spec, struct pv_view *pv, struct sd_error *err)
{
	const sd_json *flex = sd_json_get(spec, "flexVolume"), *value = hostname_value(spec);
	const char *policy = string_of(spec, "persistentVolumeReclaimPolicy");
	const char *capacity = string_of(sd_json_get(spec, "capacity"), "storage");
	bool failed = false;

	pv->deletes = policy && strcmp(policy, "Delete") == 0;
	pv->storage_class = copy_of(spec, "storageClassName", &failed);
	pv->driver = copy_of(flex, "driver", &failed);
	pv->path = copy_of(sd_json_get(spec, "local"), "path", &failed);
	pv->is_block = pv->path && strncmp(pv->path, PV_BLOCK_PATH, strlen(PV_BLOCK_PATH)) == 0 &&
	        strcmp(pv->path + strlen(PV_BLOCK_PATH), pv->id) == 0 && pv->id[0];
	if (!pv->wwid)
		pv->wwid = copy_of(sd_json_get(flex, "options"), "wwid", &failed);
	if (value && sd_json_as_string(value)) {
		pv->hostname = strdup(sd_json_as_string(value));
		failed = failed || !pv->hostname;
	}
	if (failed || take_claim(spec, pv) < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (capacity && quantity_parse(capacity, &pv->capacity) < 0)
		pv->capacity = 0;
	return 0;
}

int pv_view_take(const sd_json *object, struct pv_view *ret, struct sd_error *err)
{
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	int r;

	r = take_metadata(sd_json_get(object, "metadata"), &pv, err);
	if (r == 0)
		r = take_spec(sd_json_get(object, "spec"), &pv, err);
	if (r < 0)
		return r;
	pv.phase = phase_by_name(string_of(sd_json_get(object, "status"), "phase"));
	*ret = pv;
	pv = (struct pv_view){ 0 };
	return 0;
}

void pv_view_clear(struct pv_view *pv)
{
	free(pv->name);
	free(pv->uid);
	free(pv->version);
	free(pv->wwid);
	free(pv->pool);
	free(pv->hostname);
	free(pv->storage_class);
	free(pv->provisioner);
	free(pv->driver);
	free(pv->path);
	free(pv->claim);
	free(pv->missing_since);
	free(pv->progress);
	*pv = (struct pv_view){ 0 };
}

const struct pv_view *pvs_by_name(const struct pvs *pvs, const char *name)
{
	for (size_t i = 0; i < pvs->n; i++)
		if (strcmp(pvs->pv[i].name, name) == 0)
			return &pvs->pv[i];
	return NULL;
}

const struct pv_view *pvs_by_id(const struct pvs *pvs, const char *id)
{
	for (size_t i = 0; i < pvs->n; i++)
		if (strcmp(pvs->pv[i].id, id) == 0)
			return &pvs->pv[i];
	return NULL;
}

int pvs_put(struct pvs *pvs, const sd_json *object, bool *ret_changed, struct sd_error *err)
{
	_cleanup_pv_view_ struct pv_view pv = { 0 };
	struct pv_view *known, *more;
	int r;

	r = pv_view_take(object, &pv, err);
	if (r < 0)
		return r;
	for (known = pvs->pv; known < pvs->pv + pvs->n; known++)
		if (strcmp(known->name, pv.name) == 0)
			break;
	if (known == pvs->pv + pvs->n) {
		more = realloc(pvs->pv, (pvs->n + 1) * sizeof(*more));
		if (!more)
			return sd_error_set(err, ENOMEM, "out of memory");
		pvs->pv = more;
		known = &pvs->pv[pvs->n++];
		*known = (struct pv_view){ 0 };
	}
	*ret_changed = !known->name || strcmp(known->uid, pv.uid) != 0 ||
	        strcmp(known->version, pv.version) != 0;
	pv_view_clear(known);
	*known = pv;
	pv = (struct pv_view){ 0 };
	return 0;
}

bool pvs_remove(struct pvs *pvs, const char *name, struct pv_view *ret)
{
	for (size_t i = 0; i < pvs->n; i++) {
		if (strcmp(pvs->pv[i].name, name) != 0)
			continue;
		*ret = pvs->pv[i];
		ret->phase = PV_GONE;
		pvs->pv[i] = pvs->pv[--pvs->n];
		return true;
	}
	return false;
}

void pvs_clear(struct pvs *pvs)
{
	for (size_t i = 0; i < pvs->n; i++)
		pv_view_clear(&pvs->pv[i]);
	free(pvs->pv);
	*pvs = (struct pvs){ 0 };
}
