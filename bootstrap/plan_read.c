/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "disk.h"
#include "filesystem.h"
#include "place.h"
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISKS_MAX 1024

/* A string into a field of its own. */
static int take_text(const struct place *at, char *field, size_t size, struct sd_error *err)
{
	const char *text;
	int r = place_string(at, size - 1, &text, err);

	if (r == 0)
		memcpy(field, text, strlen(text) + 1);
	return r;
}

/* The functions that put one value into one field of what is being filled. */
#define TAKE_TEXT(name, type, field)                                                        \
	static int name(const struct place *at, void *object, struct sd_error *err)         \
	{                                                                                   \
		return take_text(                                                           \
		        at, ((type *)object)->field, sizeof(((type *)object)->field), err); \
	}

#define TAKE_NUMBER(name, type, field)                                              \
	static int name(const struct place *at, void *object, struct sd_error *err) \
	{                                                                           \
		return place_number(at, &((type *)object)->field, err);             \
	}

/* What the disk is */

TAKE_TEXT(take_name, struct plan_disk, name)
TAKE_TEXT(take_wwid, struct plan_disk, seen.wwid)
TAKE_TEXT(take_serial, struct plan_disk, seen.serial)
TAKE_TEXT(take_model, struct plan_disk, seen.model)

static int take_size(const struct place *at, void *object, struct sd_error *err)
{
	struct plan_disk *disk = object;
	int r = place_number(at, &disk->seen.size, err);

	if (r == 0 && disk->seen.size < SD_DISK_MIN_SIZE)
		r = place_error(at, err, "no disk that may be prepared is that small");
	return r;
}

static int take_sector_size(const struct place *at, void *object, struct sd_error *err)
{
	struct plan_disk *disk = object;
	uint64_t value;
	int r = place_number(at, &value, err);

	if (r == 0 && (value < 512 || value > 1 << 20))
		r = place_error(at, err, "no disk has such sectors");
	if (r == 0)
		disk->seen.sector_size = (unsigned)value;
	return r;
}

static int take_identity(const struct place *at, void *disk, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "name", take_name, true },
		{ "wwid", take_wwid, true },
		{ "serial", take_serial, false },
		{ "model", take_model, false },
		{ "size", take_size, true },
		{ "sectorSize", take_sector_size, true },
	};

	return place_object(at, keys, SD_ARRAY_SIZE(keys), disk, err);
}

/* What is made of it */

static int take_filesystem(const struct place *at, void *object, struct sd_error *err)
{
	struct plan_disk *disk = object;
	int r = take_text(at, disk->filesystem, sizeof(disk->filesystem), err);

	if (r == 0 && !content_is_known(disk->filesystem))
		r = place_error(at, err, "there is no such filesystem, only xfs and ext4");
	return r;
}

static int take_encryption(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "luks2" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct plan_disk *)object)->luks = true;
	return r;
}

static int take_kdf(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "pbkdf2", "argon2id" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct plan_disk *)object)->kdf = i == 0 ? SD_KDF_PBKDF2 : SD_KDF_ARGON2ID;
	return r;
}

static int take_key(const struct place *at, void *object, struct sd_error *err)
{
	struct plan_disk *disk = object;
	struct key_reference reference;
	int r = take_text(at, disk->key, sizeof(disk->key), err);

	if (r == 0 && key_reference_parse(disk->key, &reference) < 0)
		r = place_error(at, err, "it must be " KEY_REFERENCE_FORMS);
	return r;
}

static int take_key_file(const struct place *at, void *object, struct sd_error *err)
{
	struct plan_disk *disk = object;
	int r = take_text(at, disk->key_file, sizeof(disk->key_file), err);

	if (r == 0 && disk->key_file[0] != '/')
		r = place_error(at, err, "it must be an absolute path");
	return r;
}

static int take_recipe(const struct place *at, void *object, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "filesystem", take_filesystem, true },
		{ "encryption", take_encryption, false },
		{ "kdf", take_kdf, false },
		{ "key", take_key, false },
		{ "keyFile", take_key_file, false },
	};
	struct plan_disk *disk = object;
	int r = place_object(at, keys, SD_ARRAY_SIZE(keys), disk, err);

	if (r == 0 && (!!disk->key[0] + !!disk->key_file[0] != disk->luks))
		r = place_error(
		        at, err, "with encryption there is one key, or one keyFile, else none");
	return r;
}

/* What was seen of it */

TAKE_TEXT(take_boot_id, struct plan_disk, seen.boot_id)
TAKE_NUMBER(take_diskseq, struct plan_disk, seen.diskseq)
TAKE_NUMBER(take_written, struct plan_disk, seen.written)

static int take_state(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "blank", "preparing" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct plan_disk *)object)->was_preparing = i == 1;
	return r;
}

static int take_fingerprint(const struct place *at, void *disk, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "state", take_state, true },
		{ "bootID", take_boot_id, true },
		{ "diskseq", take_diskseq, true },
		{ "sectorsWritten", take_written, true },
	};

	return place_object(at, keys, SD_ARRAY_SIZE(keys), disk, err);
}

static int take_action(const struct place *at, void *object, struct sd_error *err)
{
	static const char *const words[] = { "prepare" };
	size_t i;
	int r = place_word(at, words, SD_ARRAY_SIZE(words), &i, err);

	if (r == 0)
		((struct plan_disk *)object)->action = PLAN_PREPARE;
	return r;
}

TAKE_TEXT(take_pool, struct plan_disk, pool)

static int take_disk(const struct place *at, void *object, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "action", take_action, true },
		{ "pool", take_pool, false },
		{ "disk", take_identity, true },
		{ "recipe", take_recipe, true },
		{ "fingerprint", take_fingerprint, true },
	};
	struct plan *plan = object;
	struct plan_disk disk = { .kdf = SD_KDF_PBKDF2 };
	int r = place_object(at, keys, SD_ARRAY_SIZE(keys), &disk, err);

	for (size_t i = 0; r == 0 && i < plan->n_disks; i++)
		if (strcmp(plan->disks[i].seen.wwid, disk.seen.wwid) == 0)
			r = place_error(at, err, "the disk %s is there twice", disk.seen.wwid);
	return r < 0 ? r : plan_add(plan, &disk, err);
}

/* plan writes an empty list when there is nothing to do. */
static int take_disks(const struct place *at, void *plan, struct sd_error *err)
{
	if (sd_json_is_array(at->value) && sd_json_size(at->value) == 0)
		return 0;
	return place_array(at, DISKS_MAX, take_disk, plan, err);
}

static int take_left(const struct place *at, void *plan, struct sd_error *err)
{
	(void)plan;
	return sd_json_is_array(at->value) ? 0 : place_error(at, err, "it must be an array, [...]");
}

TAKE_TEXT(take_host_name, struct plan, node.host_name)
TAKE_TEXT(take_machine_id, struct plan, node.machine_id)
TAKE_TEXT(take_created, struct plan, created)

static int take_node(const struct place *at, void *plan, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "hostname", take_host_name, true },
		{ "machineID", take_machine_id, false },
	};

	return place_object(at, keys, SD_ARRAY_SIZE(keys), plan, err);
}

static int take_version(const struct place *at, void *plan, struct sd_error *err)
{
	uint64_t version;
	int r = place_number(at, &version, err);

	(void)plan;
	if (r == 0 && version != PLAN_VERSION)
		r = place_error(at, err,
		        "this is a plan of another version (%llu, known is %d); make a new one",
		        (unsigned long long)version, PLAN_VERSION);
	return r;
}

/* The version is the first key, so that a newer plan is refused by it and not by some new key. */
static int from_document(const struct document *document, struct plan *ret, struct sd_error *err)
{
	static const struct place_key keys[] = {
		{ "solodiskPlan", take_version, true },
		{ "created", take_created, true },
		{ "node", take_node, true },
		{ "disks", take_disks, true },
		{ "left", take_left, false },
	};
	_cleanup_plan_ struct plan plan = { 0 };
	struct place top = place_top(document);
	int r;

	r = place_object(&top, keys, SD_ARRAY_SIZE(keys), &plan, err);
	if (r < 0)
		return r;
	*ret = plan;
	plan = (struct plan){ 0 };
	return 0;
}

int plan_read(const char *path, struct plan *ret, struct sd_error *err)
{
	_cleanup_document_ struct document document = { 0 };
	int r = document_read(path, &document, err);

	return r < 0 ? r : from_document(&document, ret, err);
}

int plan_parse(
        const char *name, const char *text, size_t len, struct plan *ret, struct sd_error *err)
{
	_cleanup_document_ struct document document = { 0 };
	int r = document_parse(name, text, len, &document, err);

	return r < 0 ? r : from_document(&document, ret, err);
}
