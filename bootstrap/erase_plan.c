/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"
#include "cleanup.h"
#include "crypt.h"
#include "erase.h"
#include "filesystem.h"
#include "log.h"
#include "probe.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define KDF_ARGON2ID "argon2id"

static const char *const method_names[] = {
	[ERASE_AUTO] = "auto",
	[ERASE_CRYPTO] = "crypto",
	[ERASE_ZERO] = "zero",
	[ERASE_DISCARD] = "discard",
	[ERASE_NVME] = "nvme-format",
};

const char *erase_method_name(enum erase_method method)
{
	return method_names[method];
}

enum erase_method erase_method_by_name(const char *name)
{
	for (size_t i = ERASE_AUTO + 1; i < SD_ARRAY_SIZE(method_names); i++)
		if (strcmp(name, method_names[i]) == 0)
			return (enum erase_method)i;
	return ERASE_AUTO;
}

/* What the volume holds, as far as it can be told. */
struct before {
	bool known; /* whether it was encrypted or not, at least */
	bool luks;
	char filesystem[32]; /* "": could not be told */
	/* What an erase that was stopped, or failed, has noted; all empty: nothing. */
	struct sd_note note;
	enum erase_method method; /* of it */
};

/*
 * The type of filesystem on a device; "" when it could not be told, or is not ours: what we make has the
 * volume's ID. Else a tenant in block mode has made it, and what it seems to be says nothing of the rest.
 */
static void probe_type(const char *node, const char *id, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(node, O_RDONLY | O_CLOEXEC);
	struct sd_content content;

	ret[0] = '\0';
	if (fd >= 0 && sd_probe_content(fd, node, &content, NULL) == 0 &&
	        strcasecmp(content.uuid, id) == 0)
		(void)snprintf(ret, size, "%s", content.type);
}

/* The filesystem inside LUKS: in the open mapping, or in one that the given key opens. */
static void look_inside(
        const struct erase *erase, const struct sd_volume *volume, struct before *before)
{
	struct sd_mapping mapping;
	bool was_open = true;
	int open_already;

	open_already = sd_crypt_find(volume->mark.id, volume->devno, &mapping, NULL);
	if (open_already < 0)
		return;
	if (!open_already &&
	        (!erase->recipe.key ||
	                sd_crypt_open(volume->node, volume->devno, volume->mark.id,
	                        erase->recipe.key, volume->disk.rotational, &mapping, &was_open,
	                        NULL) < 0))
		return;
	probe_type(mapping.node, volume->mark.id, before->filesystem, sizeof(before->filesystem));
	if (!was_open)
		(void)sd_crypt_close(volume->mark.id, NULL);
}

/* A note that cannot be read is none: then the person must say more, or the volume's content tells. */
static void look_at_note(const struct sd_volume *volume, struct before *before)
{
	_cleanup_close_ int fd = -1;
	struct sd_error err = SD_ERROR_INIT;
	int r;

	if (volume->mark.state == SD_STATE_READY || volume->mark.state == SD_STATE_USED)
		return;
	r = sd_note_open(volume->disk_fd, false, &fd, &err);
	if (r == 0)
		r = sd_note_read(fd, volume->mark.id, &before->note, &err);
	if (r < 0 && r != -ENOENT)
		sd_log(LOG_WARNING, "%s: %s", volume->disk.name, err.text);
	before->method = erase_method_by_name(before->note.method);
}

static void look_before(
        const struct erase *erase, const struct sd_volume *volume, struct before *before)
{
	*before = (struct before){ 0 };
	look_at_note(volume, before);
	probe_type(volume->node, volume->mark.id, before->filesystem, sizeof(before->filesystem));
	before->luks = strcmp(before->filesystem, "crypto_LUKS") == 0;
	before->known = before->luks || sd_filesystem_is_known(before->filesystem);
	if (before->luks) {
		before->filesystem[0] = '\0';
		/* Once it is marked erasing, its header is not loaded again: that might repair it. */
		if (volume->mark.state == SD_STATE_READY || volume->mark.state == SD_STATE_USED ||
		        volume->mark.state == SD_STATE_PREPARING)
			look_inside(erase, volume, before);
	}
	if (!sd_filesystem_is_known(before->filesystem))
		before->filesystem[0] = '\0';
}

static int check_discard(const struct sd_disk *disk, struct sd_error *err)
{
	char text[32];

	if (sd_root_read(text, sizeof(text), "/sys/class/block/%s/queue/discard_max_bytes",
	            disk->name) == 0 &&
	        strcmp(text, "0") != 0)
		return 0;
	return sd_error_set(err, EOPNOTSUPP, "the disk knows no discard; use --method zero");
}

static int plan_method(const struct erase *erase, const struct before *before, int disk_fd,
        struct erase_plan *plan, struct sd_error *err)
{
	bool begun = plan->state == SD_STATE_ERASING || plan->state == SD_STATE_FAILED;

	plan->method = erase->method;
	if (plan->method == ERASE_AUTO)
		plan->method = before->method;
	if (plan->method == ERASE_AUTO)
		plan->method = before->luks ? ERASE_CRYPTO : ERASE_ZERO;
	/* Once the header is overwritten, only the note or the person knows that there was one. */
	if (plan->method == ERASE_CRYPTO && !before->luks && before->method != ERASE_CRYPTO &&
	        (before->known || !begun))
		return sd_error_set(err, EINVAL,
		        "it is not encrypted, so there is no key to destroy; use --method zero");
	if (plan->method == ERASE_DISCARD)
		return check_discard(&plan->disk, err);
	if (plan->method == ERASE_NVME)
		return sd_nvme_format_plan(disk_fd, &plan->format, err);
	return 0;
}

static int plan_encryption(const struct erase *erase, const struct before *before,
        struct erase_plan *plan, struct sd_error *err)
{
	enum erase_encryption encryption =
	        content_is_none(&plan->recipe) ? ERASE_PLAIN : erase->encryption;
	const char *noted = before->note.encryption;

	if (encryption == ERASE_AS_BEFORE && noted[0])
		encryption = strcmp(noted, "luks2") == 0 ? ERASE_LUKS2 : ERASE_PLAIN;
	else if (encryption == ERASE_AS_BEFORE && before->known)
		encryption = before->luks ? ERASE_LUKS2 : ERASE_PLAIN;
	else if (encryption == ERASE_AS_BEFORE && erase->recipe.key)
		encryption = ERASE_LUKS2;
	if (encryption == ERASE_AS_BEFORE)
		return sd_error_set(err, EINVAL,
		        "whether it was encrypted cannot be told any more; say --encrypt luks2 "
		        "with a key, --encrypt none, or --no-prepare");
	if (encryption == ERASE_LUKS2 && !erase->recipe.key)
		return sd_error_set(err, ENOKEY,
		        "it is encrypted, and so will it be for the next tenant: give a key (--key "
		        "file:NAME or --key-file PATH), --encrypt none, or --no-prepare");
	if (encryption == ERASE_PLAIN && erase->recipe.key)
		return sd_error_set(err, EINVAL,
		        "it is not encrypted, but a key is given; say --encrypt luks2 to change "
		        "that");
	plan->recipe.key = erase->recipe.key;
	plan->recipe.kdf = erase->recipe.kdf;
	if (!erase->kdf_is_given && before->note.kdf[0])
		plan->recipe.kdf = strcmp(before->note.kdf, KDF_ARGON2ID) == 0 ? SD_KDF_ARGON2ID
		                                                               : SD_KDF_PBKDF2;
	return 0;
}

/* What is asked for now, else what was when the erase was begun, else what the volume was. */
static const char *plan_filesystem(const struct erase *erase, const struct before *before)
{
	if (erase->recipe.filesystem[0])
		return erase->recipe.filesystem;
	if (content_is_known(before->note.filesystem))
		return before->note.filesystem;
	return before->filesystem;
}

static int plan_recipe(const struct erase *erase, const struct before *before,
        struct erase_plan *plan, struct sd_error *err)
{
	const char *type = plan_filesystem(erase, before);
	int r;

	plan->no_prepare = erase->no_prepare;
	(void)snprintf(plan->recipe.filesystem, sizeof(plan->recipe.filesystem), "%s", type);
	if (erase->no_prepare)
		return 0;
	r = plan_encryption(erase, before, plan, err);
	if (r < 0)
		return r;
	if (!type[0])
		return sd_error_set(err, EINVAL,
		        "which filesystem it had cannot be told; say --filesystem xfs, ext4 or none");
	return content_check_size(&plan->recipe, &plan->disk, err);
}

static const char *plan_encryption_name(const struct before *before, const struct erase_plan *plan)
{
	if (!plan->no_prepare)
		return plan->recipe.key ? "luks2" : "none";
	if (before->note.encryption[0])
		return before->note.encryption;
	if (!before->known)
		return "";
	return before->luks ? "luks2" : "none";
}

/*
 * The note to begin with. An erase goes on from its checkpoint if that was one of the same method. What
 * a disk that has failed said it had done is not believed.
 */
static void plan_note(const struct before *before, uint64_t size, struct erase_plan *plan)
{
	struct sd_note *note = &plan->note;

	*note = (struct sd_note){ .doing = "erase", .since = (uint64_t)time(NULL) };
	memcpy(note->id, plan->id, sizeof(note->id));
	(void)snprintf(note->method, sizeof(note->method), "%s", erase_method_name(plan->method));
	(void)snprintf(note->filesystem, sizeof(note->filesystem), "%s", plan->recipe.filesystem);
	(void)snprintf(note->encryption, sizeof(note->encryption), "%s",
	        plan_encryption_name(before, plan));
	if (plan->recipe.key)
		(void)snprintf(note->kdf, sizeof(note->kdf), "%s",
		        plan->recipe.kdf == SD_KDF_ARGON2ID ? KDF_ARGON2ID : "pbkdf2");
	if (before->note.since)
		note->since = before->note.since;
	if (plan->state == SD_STATE_ERASING && plan->method != ERASE_NVME &&
	        before->method == plan->method && before->note.done <= size &&
	        before->note.done % SD_NOTE_SLOT_SIZE == 0)
		plan->from = note->done = before->note.done;
}

int erase_make_plan(const struct erase *erase, const struct sd_disk *disk, struct erase_plan *ret,
        struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	struct erase_plan plan = { .disk = *disk };
	struct before before;
	int r;

	r = claim_take(disk, "erase", &claim, err);
	if (r == 0)
		r = claim_check_unused(&claim, err);
	if (r == 0)
		r = claim_check_closed(&claim, err);
	if (r < 0)
		return r;
	memcpy(plan.id, claim.volume.mark.id, sizeof(plan.id));
	plan.state = claim.volume.mark.state;
	look_before(erase, &claim.volume, &before);
	if (plan.state != SD_STATE_PREPARING)
		r = plan_method(erase, &before, claim.volume.disk_fd, &plan, err);
	if (r == 0)
		r = plan_recipe(erase, &before, &plan, err);
	if (r < 0)
		return r;
	plan_note(&before, claim.volume.mark.size, &plan);
	*ret = plan;
	return 0;
}
