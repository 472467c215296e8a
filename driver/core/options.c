/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"
#include "cleanup.h"
#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define KUBERNETES "kubernetes.io/"
#define SECRET KUBERNETES "secret/"
#define VALUE_MAX 4096

struct option {
	const char *key;
	int (*set)(struct sd_options *options, const char *value, struct sd_error *err);
};

static int keep(char **field, const char *value, struct sd_error *err)
{
	free(*field);
	*field = *value ? strdup(value) : NULL;
	return *value && !*field ? sd_error_set(err, ENOMEM, "out of memory") : 0;
}

static int set_volume_id(struct sd_options *options, const char *value, struct sd_error *err)
{
	if (!sd_id_is_valid(value))
		return sd_error_set(err, EINVAL,
		        "\"volumeID\" is not a volume ID (a GUID in lower case, as solodisk list "
		        "shows it)");
	memcpy(options->volume_id, value, SD_ID_SIZE);
	return 0;
}

static int set_device(struct sd_options *options, const char *value, struct sd_error *err)
{
	if (value[0] != '/' || strstr(value, "/../") || strlen(value) >= PATH_MAX)
		return sd_error_set(err, EINVAL, "\"device\" is not an absolute path");
	return keep(&options->device, value, err);
}

static int set_wwid(struct sd_options *options, const char *value, struct sd_error *err)
{
	if (!*value)
		return sd_error_set(err, EINVAL, "\"wwid\" is empty; leave it out, or name one");
	return keep(&options->wwid, value, err);
}

static int set_encryption(struct sd_options *options, const char *value, struct sd_error *err)
{
	if (strcmp(value, "luks2") != 0)
		return sd_error_set(err, EINVAL,
		        "\"encryption\" must be luks2, or be left out for a plain volume");
	options->luks = true;
	return 0;
}

static int set_key(struct sd_options *options, const char *value, struct sd_error *err)
{
	int r = sd_key_spec_parse(value, &options->key, err);

	return r < 0 ? sd_error_wrap(err, "\"key\"") : keep(&options->key_text, value, err);
}

static int set_mount_options(struct sd_options *options, const char *value, struct sd_error *err)
{
	return keep(&options->mount_options, value, err);
}

static int set_fs_type(struct sd_options *options, const char *value, struct sd_error *err)
{
	return keep(&options->fs_type, value, err);
}

static int set_read_write(struct sd_options *options, const char *value, struct sd_error *err)
{
	if (strcmp(value, "ro") != 0 && strcmp(value, "rw") != 0)
		return sd_error_set(err, EINVAL, "\"" KUBERNETES "readwrite\" must be ro or rw");
	options->read_only = strcmp(value, "ro") == 0;
	return 0;
}

static int set_pv_name(struct sd_options *options, const char *value, struct sd_error *err)
{
	if (!*value || strchr(value, '/') || strlen(value) > NAME_MAX)
		return sd_error_set(
		        err, EINVAL, "\"" KUBERNETES "pvOrVolumeName\" is not a volume's name");
	return keep(&options->pv_name, value, err);
}

static const struct option known[] = {
	{ "volumeID", set_volume_id },
	{ "device", set_device },
	{ "wwid", set_wwid },
	{ "encryption", set_encryption },
	{ "key", set_key },
	{ "mountOptions", set_mount_options },
	{ KUBERNETES "fsType", set_fs_type },
	{ KUBERNETES "readwrite", set_read_write },
	{ KUBERNETES "pvOrVolumeName", set_pv_name },
};

static int add_secret(
        struct sd_options *options, const char *name, const char *base64, struct sd_error *err)
{
	struct sd_secret *grown;
	struct sd_secret *secret;
	int r;

	if (!sd_key_name_is_valid(name))
		return sd_error_set(err, EINVAL, "the Secret has a key whose name is not allowed");
	grown = realloc(options->secrets, (options->n_secrets + 1) * sizeof(*grown));
	if (!grown)
		return sd_error_set(err, ENOMEM, "out of memory");
	options->secrets = grown;
	secret = &grown[options->n_secrets];
	*secret = (struct sd_secret){ .name = strdup(name) };
	if (!secret->name)
		return sd_error_set(err, ENOMEM, "out of memory");
	options->n_secrets++;
	r = sd_key_from_base64(base64, &secret->value, err);
	return r < 0 ? sd_error_wrap(err, "the Secret's key \"%s\"", name) : 0;
}

/* Control characters have no place in an option, and would forge lines in logs and tables. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static int take(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	struct sd_options *options = data;
	const char *text = sd_json_as_string(value);
	bool is_kubernetes = strncmp(key, KUBERNETES, strlen(KUBERNETES)) == 0;

	if (strncmp(key, SECRET, strlen(SECRET)) == 0) {
		if (!text)
			return sd_error_set(err, EINVAL, "a value of the Secret is not a string");
		return add_secret(options, key + strlen(SECRET), text, err);
	}
	for (size_t i = 0; i < SD_ARRAY_SIZE(known); i++) {
		if (strcmp(key, known[i].key) != 0)
			continue;
		if (!text)
			return sd_error_set(err, EINVAL, "\"%s\" must be a string", key);
		if (!is_printable(text) || strlen(text) > VALUE_MAX)
			return sd_error_set(err, EINVAL,
			        "\"%s\" has a control character in it or is longer than %d bytes",
			        key, VALUE_MAX);
		return known[i].set(options, text, err);
	}
	if (is_kubernetes)
		return 0; /* the pod's name and the like: newer kubelets may send more */
	if (!is_printable(key) || strlen(key) > 64)
		return sd_error_set(err, EINVAL, "there is an unknown option with an unusual name");
	return sd_error_set(err, EINVAL,
	        "unknown option \"%s\" (known: volumeID, device, wwid, encryption, key, mountOptions)",
	        key);
}

static int check(const struct sd_options *options, struct sd_error *err)
{
	if (!options->volume_id[0] && !options->device)
		return sd_error_set(err, EINVAL, "\"volumeID\" is missing");
	if (!options->volume_id[0] && options->pv_name)
		return sd_error_set(err, EINVAL,
		        "\"volumeID\" is missing (\"device\" alone is for calls by hand)");
	if (options->key.n && !options->luks)
		return sd_error_set(err, EINVAL, "\"key\" without \"encryption\": \"luks2\"");
	return 0;
}

int sd_options_parse(const char *json, size_t len, struct sd_options *ret, struct sd_error *err)
{
	_cleanup_options_ struct sd_options options = { 0 };
	_cleanup_json_ sd_json *object = NULL;
	int r;

	r = sd_json_parse(json, len, &object, err);
	if (r == 0)
		r = sd_json_each(object, take, &options, err);
	if (r == 0)
		r = check(&options, err);
	if (r < 0)
		return sd_error_wrap(err, "options");
	*ret = options;
	options = (struct sd_options){ 0 };
	return 0;
}

void sd_options_free(struct sd_options *options)
{
	for (size_t i = 0; i < options->n_secrets; i++) {
		free(options->secrets[i].name);
		sd_key_free(&options->secrets[i].value);
	}
	free(options->secrets);
	free(options->device);
	free(options->wwid);
	sd_key_spec_free(&options->key);
	free(options->key_text);
	free(options->mount_options);
	free(options->fs_type);
	free(options->pv_name);
	*options = (struct sd_options){ 0 };
}

int sd_options_secret(const struct sd_options *options, const char *name, struct sd_key *ret,
        struct sd_error *err)
{
	if (options->n_secrets == 0)
		return sd_error_set(err, ENOKEY,
		        "this call carries no Secret: the PV's secretRef must name one of type "
		        "solodisk/disk, with its namespace");
	for (size_t i = 0; i < options->n_secrets; i++)
		if (strcmp(options->secrets[i].name, name) == 0)
			return sd_key_copy(options->secrets[i].value.data,
			        options->secrets[i].value.size, ret, err);
	return sd_error_set(err, ENOKEY, "the Secret has no key \"%s\"", name);
}
