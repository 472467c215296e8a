/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pool_config.h"
#include "cleanup.h"
#include "key_reference.h"
#include "mounts.h"
#include "pool_rule.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define LABEL_SIZE 63 /* Kubernetes' names: RFC 1123 labels, and subdomains made of them */
#define SUBDOMAIN_SIZE 253
#define OPTIONS_SIZE 1024

static bool is_label(const char *text, size_t len)
{
	if (len == 0 || len > LABEL_SIZE || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
		        text[i] != '-')
			return false;
	return true;
}

static int take_label(const struct place *at, const char **ret, struct sd_error *err)
{
	int r = place_string(at, LABEL_SIZE, ret, err);

	if (r == 0 && !is_label(*ret, strlen(*ret)))
		r = place_error(at, err,
		        "it must be lower case letters, digits and '-', and begin and end with a "
		        "letter or digit");
	return r;
}

static int take_subdomain(const struct place *at, const char **ret, struct sd_error *err)
{
	int r = place_string(at, SUBDOMAIN_SIZE, ret, err);

	if (r < 0)
		return r;
	for (const char *p = *ret;; p += strcspn(p, ".") + 1) {
		if (!is_label(p, strcspn(p, ".")))
			return place_error(at, err,
			        "it is no name in Kubernetes: lower case letters, digits, '-' and '.'");
		if (!p[strcspn(p, ".")])
			return 0;
	}
}

int take_storage_class(const struct place *at, const char **ret, struct sd_error *err)
{
	return take_subdomain(at, ret, err);
}

int take_volume_mode(const struct place *at, enum volume_mode *ret, struct sd_error *err)
{
	static const char *const words[] = { "Filesystem", "Block" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		*ret = i == 0 ? VOLUME_FILESYSTEM : VOLUME_BLOCK;
	return r;
}

static int take_name(const struct place *at, void *pool, struct sd_error *err)
{
	return take_label(at, &((struct pool *)pool)->name, err);
}

static int take_disks(const struct place *at, void *pool, struct sd_error *err)
{
	return pool_take_rules(at, pool, err);
}

static int take_class(const struct place *at, void *pool, struct sd_error *err)
{
	return take_storage_class(at, &((struct pool *)pool)->storage_class, err);
}

static int take_mode(const struct place *at, void *pool, struct sd_error *err)
{
	return take_volume_mode(at, &((struct pool *)pool)->mode, err);
}

static int take_filesystem(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "xfs", "ext4" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct pool *)object)->filesystem = words[i];
	return r;
}

static int take_mount_options(const struct place *at, void *pool, struct sd_error *err)
{
	return place_string(at, OPTIONS_SIZE, &((struct pool *)pool)->mount_options, err);
}

static int take_encryption(const struct place *at, void *pool, struct sd_error *err)
{
	static const char *const words[] = { "luks2" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct pool *)pool)->luks = true;
	return r;
}

static int take_kdf(const struct place *at, void *pool, struct sd_error *err)
{
	static const char *const words[] = { "pbkdf2", "argon2id" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct pool *)pool)->kdf = i == 0 ? SD_KDF_PBKDF2 : SD_KDF_ARGON2ID;
	return r;
}

static int take_key(const struct place *at, void *object, struct sd_error *err)
{
	struct pool *pool = object;
	struct key_reference reference;
	int r = place_string(at, KEY_REFERENCE_SIZE - 1, &pool->key, err);

	if (r == 0 && key_reference_parse(pool->key, &reference) < 0)
		r = place_error(at, err, "it must be " KEY_REFERENCE_FORMS);
	return r;
}

static int take_secret_namespace(const struct place *at, void *object, struct sd_error *err)
{
	return take_label(at, &((struct pool *)object)->secret_namespace, err);
}

static int take_secret_name(const struct place *at, void *object, struct sd_error *err)
{
	return take_subdomain(at, &((struct pool *)object)->secret_name, err);
}

static int take_secret(const struct place *at, void *pool, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "name", take_secret_name, true },
		{ "namespace", take_secret_namespace, true },
	};

	return place_object(at, keys, SD_ARRAY_SIZE(keys), pool, err);
}

static int take_prepare(const struct place *at, void *pool, struct sd_error *err)
{
	static const char *const words[] = { "manual", "automatic" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct pool *)pool)->automatic = i == 1;
	return r;
}

static int take_reclaim(const struct place *at, void *pool, struct sd_error *err)
{
	static const char *const words[] = { "Retain", "Delete" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct pool *)pool)->reclaim = i == 0 ? RECLAIM_RETAIN : RECLAIM_DELETE;
	return r;
}

static int take_erase(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "crypto", "zero", "discard" };
	const char *text = sd_json_as_string(at->value);
	size_t i;
	int r;

	if (text && strcmp(text, "nvme-format") == 0)
		return place_error(at, err,
		        "nvme-format is for an operator's hands: it can take a whole controller's "
		        "namespaces with it; use crypto, zero or discard");
	r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);
	if (r == 0)
		((struct pool *)object)->erase = (enum pool_erase)(POOL_ERASE_CRYPTO + i);
	return r;
}

static const struct place_key pool_keys[] = {
	{ "name", take_name, true },
	{ "storageClass", take_class, true },
	{ "disks", take_disks, true },
	{ "volumeMode", take_mode, false },
	{ "filesystem", take_filesystem, false },
	{ "mountOptions", take_mount_options, false },
	{ "encryption", take_encryption, false },
	{ "kdf", take_kdf, false },
	{ "key", take_key, false },
	{ "secretRef", take_secret, false },
	{ "prepare", take_prepare, false },
	{ "reclaimPolicy", take_reclaim, false },
	{ "erase", take_erase, false },
};

static int check_content(const struct place *at, const struct pool *pool, struct sd_error *err)
{
	struct sd_error why = SD_ERROR_INIT;

	if (pool->mode == VOLUME_BLOCK && pool->luks)
		return place_error(at, err,
		        "\"encryption\" does not go with \"volumeMode\": \"Block\": of a raw device "
		        "nobody would open LUKS for the tenant");
	if (pool->mode == VOLUME_BLOCK && (pool->filesystem || pool->mount_options))
		return place_error(at, err,
		        "with \"volumeMode\": \"Block\" there is no filesystem and no mountOptions");
	if (pool->mode == VOLUME_FILESYSTEM && !pool->filesystem)
		return place_error(at, err, "\"filesystem\" is missing");
	if (pool->mount_options &&
	        sd_mounts_check_options(pool->filesystem, pool->mount_options, &why) < 0)
		return why.code == EINVAL ? place_error(at, err, "mountOptions: %s", why.text)
		                          : sd_error_set(err, why.code, "%s", why.text);
	return 0;
}

static int check_key(const struct place *at, const struct pool *pool, struct sd_error *err)
{
	struct key_reference reference = { 0 };

	if (!pool->luks && (pool->key || pool->secret_name || pool->kdf != SD_KDF_PBKDF2))
		return place_error(at, err,
		        "a key, secretRef or kdf is of no use without \"encryption\": \"luks2\"");
	if (!pool->luks)
		return pool->erase == POOL_ERASE_CRYPTO
		        ? place_error(
		                  at, err, "\"erase\": \"crypto\" needs \"encryption\": \"luks2\"")
		        : 0;
	if (!pool->key || key_reference_parse(pool->key, &reference) < 0)
		return place_error(at, err, "\"encryption\" needs a \"key\"");
	if (reference.in_secret && !pool->secret_name)
		return place_error(at, err, "the key is in a Secret: \"secretRef\" is missing");
	if (!reference.in_secret && pool->secret_name)
		return place_error(at, err, "\"secretRef\" goes with a key that is in a Secret");
	return 0;
}

static int check_automatic(const struct place *at, const struct pool *pool, struct sd_error *err)
{
	struct key_reference reference;

	for (size_t i = 0; i < pool->n_rules; i++)
		if (!pool_rule_names_disks(&pool->rules[i]))
			return place_error(at, err,
			        "\"prepare\": \"automatic\" needs rules that name the disks: disks[%zu] has "
			        "no wwid, serial or model whose patterns are written out, or have %d "
			        "letters or digits beside their wildcards",
			        i, POOL_NAME_MIN);
	if (pool->key && key_reference_parse(pool->key, &reference) == 0 && reference.in_secret)
		return place_error(at, err,
		        "\"prepare\": \"automatic\" needs a key that the node has, file:NAME: nobody "
		        "gives it a Secret when it prepares");
	return 0;
}

int pool_take(const struct place *at, struct pool *pool, struct sd_error *err)
{
	int r;

	pool->kdf = SD_KDF_PBKDF2;
	r = place_object(at, pool_keys, SD_ARRAY_SIZE(pool_keys), pool, err);
	if (r == 0)
		r = check_content(at, pool, err);
	if (r == 0)
		r = check_key(at, pool, err);
	if (r == 0 && pool->automatic)
		r = check_automatic(at, pool, err);
	return r;
}
