/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_config.h"
#include "cleanup.h"
#include "pool_config.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define NAME_PATTERN_SIZE 255
#define LABEL_SIZE 63 /* of a label's value, and of the name in its key */
#define LABEL_PREFIX_SIZE 253

/* One spelling, so that the same directory cannot be there twice. */
static bool is_plain_path(const char *path)
{
	if (path[0] != '/' || !path[1])
		return false;
	for (const char *p = path; *p; p += strcspn(p + 1, "/") + 1) {
		size_t len = strcspn(p + 1, "/");

		if (len == 0 || strncmp(p, "/./", len + 2) == 0 ||
		        strncmp(p, "/../", len + 2) == 0 || strcmp(p, "/.") == 0 ||
		        strcmp(p, "/..") == 0)
			return false;
	}
	return true;
}

static int take_plain_path(const struct place *at, const char **ret, struct sd_error *err)
{
	int r = place_string(at, PATH_MAX - 1, ret, err);

	if (r == 0 && !is_plain_path(*ret))
		r = place_error(at, err,
		        "it must be an absolute path without \".\", \"..\", \"//\" or a \"/\" at its end");
	return r;
}

static int take_path(const struct place *at, void *directory, struct sd_error *err)
{
	return take_plain_path(at, &((struct directory *)directory)->path, err);
}

static int take_mount_path(const struct place *at, void *directory, struct sd_error *err)
{
	return take_plain_path(at, &((struct directory *)directory)->mount_path, err);
}

static int take_class(const struct place *at, void *directory, struct sd_error *err)
{
	return take_storage_class(at, &((struct directory *)directory)->storage_class, err);
}

static int take_mode(const struct place *at, void *directory, struct sd_error *err)
{
	return take_volume_mode(at, &((struct directory *)directory)->mode, err);
}

static int take_name_pattern(const struct place *at, void *directory, struct sd_error *err)
{
	return place_string(
	        at, NAME_PATTERN_SIZE, &((struct directory *)directory)->name_pattern, err);
}

static int take_reclaim(const struct place *at, void *directory, struct sd_error *err)
{
	static const char *const words[] = { "Retain", "Delete" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct directory *)directory)->reclaim = i ? RECLAIM_DELETE : RECLAIM_RETAIN;
	return r;
}

static int take_erase(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "zero", "discard" };
	struct directory *directory = object;
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0) {
		directory->erases = true;
		directory->discards = i == 1;
	}
	return r;
}

/* Letters and digits, with "-", "_" and "." between them; nothing at all if it may be empty. */
static bool is_label_text(const char *text, size_t len, bool may_be_empty)
{
	if (len == 0)
		return may_be_empty;
	if (len > LABEL_SIZE || !isalnum((unsigned char)text[0]) ||
	        !isalnum((unsigned char)text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static bool is_label_key(const char *key)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	const char *slash = strchr(key, '/');
	size_t len = slash ? (size_t)(slash - key) : 0;

	if (slash &&
	        (len == 0 || len > LABEL_PREFIX_SIZE || strspn(key, letters) != len ||
	                !isalnum((unsigned char)key[0]) || !isalnum((unsigned char)key[len - 1])))
		return false;
	key = slash ? slash + 1 : key;
	return is_label_text(key, strlen(key), false);
}

static int check_label(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	const struct place *at = data;
	const char *text = sd_json_as_string(value);

	if (!is_label_key(key))
		return place_error(at, err, "there is a key that is none of a label in Kubernetes");
	if (!text || !is_label_text(text, strlen(text), true))
		return place_error(at, err,
		        "the value of \"%s\" is none of a label: at most 63 letters and digits, with "
		        "'-', '_' and '.' between them",
		        key);
	return 0;
}

static int take_labels(const struct place *at, void *directory, struct sd_error *err)
{
	struct place here = *at;

	if (!sd_json_is_object(at->value))
		return place_error(at, err, "it must be an object");
	((struct directory *)directory)->labels = at->value;
	return sd_json_each(at->value, check_label, &here, err);
}

static int take_take_over(const struct place *at, void *directory, struct sd_error *err)
{
	return place_bool(at, &((struct directory *)directory)->takes_over, err);
}

static const struct place_key directory_keys[] = {
	{ "path", take_path, true },
	{ "mountPath", take_mount_path, false },
	{ "storageClass", take_class, true },
	{ "volumeMode", take_mode, false },
	{ "namePattern", take_name_pattern, false },
	{ "reclaimPolicy", take_reclaim, false },
	{ "erase", take_erase, false },
	{ "labels", take_labels, false },
	{ "takeOver", take_take_over, false },
};

int directory_take(const struct place *at, struct directory *directory, struct sd_error *err)
{
	int r = place_object(at, directory_keys, SD_ARRAY_SIZE(directory_keys), directory, err);

	if (r == 0 && directory->erases && directory->mode != VOLUME_BLOCK)
		r = place_error(at, err,
		        "\"erase\" is for volumeMode Block; what is in a filesystem is removed");
	if (r == 0 && !directory->mount_path)
		directory->mount_path = directory->path;
	return r;
}
