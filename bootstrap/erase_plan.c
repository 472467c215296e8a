/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"
#include "cleanup.h"
#include "crypt.h"
#include "erase.h"
#include "filesystem.h"
#include "probe.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

const char *erase_method_name(enum erase_method method)
{
	static const char *const names[] = { "auto", "crypto", "zero", "discard" };

	return names[method];
}

/* What the volume holds, as far as it can be told. */
struct before {
	bool known; /* whether it was encrypted or not, at least */
	bool luks;
	char filesystem[32]; /* "": could not be told */
};

/* The type of filesystem on a device; "" when it could not be told, or is none that we make. */
static void probe_type(const char *node, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(node, O_RDONLY | O_CLOEXEC);
	struct sd_content content;

	ret[0] = '\0';
	if (fd >= 0 && sd_probe_content(fd, node, &content, NULL) == 0)
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
	probe_type(mapping.node, before->filesystem, sizeof(before->filesystem));
	if (!was_open)
		(void)sd_crypt_close(volume->mark.id, NULL);
}

static void look_before(
        const struct erase *erase, const struct sd_volume *volume, struct before *before)
{
	*before = (struct before){ 0 };
	probe_type(volume->node, before->filesystem, sizeof(before->filesystem));
	before->luks = strcmp(before->filesystem, "crypto_LUKS") == 0;
	before->known = before->luks || sd_filesystem_is_known(before->filesystem);
	if (before->luks) {
		before->filesystem[0] = '\0';
		/* Once it is marked erasing, its header is not loaded again: that might repair it. */
		if (volume->mark.state == SD_STATE_READY || volume->mark.state == SD_STATE_USED)
			look_inside(erase, volume, before);
	}
	if (!sd_filesystem_is_known(before->filesystem))
		before->filesystem[0] = '\0';
}

static int plan_method(const struct erase *erase, const struct before *before,
        struct erase_plan *plan, struct sd_error *err)
{
	char text[32];

	plan->method = erase->method;
	if (plan->method == ERASE_AUTO)
		plan->method = before->luks ? ERASE_CRYPTO : ERASE_ZERO;
	/* Once the header is overwritten, only the person knows that there was one. */
	if (plan->method == ERASE_CRYPTO && !before->luks &&
	        (before->known || plan->state != SD_STATE_ERASING))
		return sd_error_set(err, EINVAL,
		        "it is not encrypted, so there is no key to destroy; use --method zero");
	if (plan->method == ERASE_DISCARD &&
	        (sd_root_read(text, sizeof(text), "/sys/class/block/%s/queue/discard_max_bytes",
	                 plan->disk.name) < 0 ||
	                strcmp(text, "0") == 0))
		return sd_error_set(
		        err, EOPNOTSUPP, "the disk knows no discard; use --method zero");
	return 0;
}

static int plan_encryption(const struct erase *erase, const struct before *before,
        struct erase_plan *plan, struct sd_error *err)
{
	enum erase_encryption encryption = erase->encryption;

	if (encryption == ERASE_AS_BEFORE && before->known)
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
	return 0;
}

static int plan_recipe(const struct erase *erase, const struct before *before,
        struct erase_plan *plan, struct sd_error *err)
{
	const char *type =
	        erase->recipe.filesystem[0] ? erase->recipe.filesystem : before->filesystem;
	int r;

	plan->no_prepare = erase->no_prepare;
	if (erase->no_prepare)
		return 0;
	r = plan_encryption(erase, before, plan, err);
	if (r < 0)
		return r;
	if (!type[0])
		return sd_error_set(err, EINVAL,
		        "which filesystem it had cannot be told; say --filesystem xfs or ext4");
	(void)snprintf(plan->recipe.filesystem, sizeof(plan->recipe.filesystem), "%s", type);
	return content_check_size(&plan->recipe, &plan->disk, err);
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
	if (r < 0)
		return r;
	memcpy(plan.id, claim.volume.mark.id, sizeof(plan.id));
	plan.state = claim.volume.mark.state;
	look_before(erase, &claim.volume, &before);
	if (plan.state != SD_STATE_PREPARING)
		r = plan_method(erase, &before, &plan, err);
	if (r == 0)
		r = plan_recipe(erase, &before, &plan, err);
	if (r == 0)
		*ret = plan;
	return r;
}
