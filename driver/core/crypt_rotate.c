/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "crypt.h"
#include "crypt_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RETIRED_TYPE "solodisk-retired"
#define RETIRED "{\"type\":\"" RETIRED_TYPE "\",\"keyslots\":[\"%d\"]}"

/* One call's work. */
struct rotate {
	struct sd_crypt_handle handle;
	const char *device, *id;
	const struct sd_key *old_key, *new_key;
	int old_slot, new_slot; /* -1: the key opens none */
	struct sd_rotation *done;
};

static void rotate_free(struct rotate *rotate)
{
	sd_crypt_handle_free(&rotate->handle);
}

/* The keyslot that a key opens, which is read from the disk and tried. -1: none. */
static int find_keyslot(
        const struct rotate *rotate, const struct sd_key *key, int *ret, struct sd_error *err)
{
	const struct sd_cryptsetup *lib = rotate->handle.lib;
	int slot = lib->crypt_activate_by_passphrase(
	        rotate->handle.cd, NULL, CRYPT_ANY_SLOT, (const char *)key->data, key->size, 0);

	if (slot < 0 && slot != -EPERM && slot != -ENOENT)
		return sd_cryptsetup_error(
		        err, lib, -slot, "cannot try a key on %s", rotate->device);
	*ret = slot < 0 ? -1 : slot;
	return 0;
}

/* Anew from the disk: what was just written counts, not what the library remembers. */
static int look(struct rotate *rotate, struct sd_error *err)
{
	int r;

	sd_crypt_handle_free(&rotate->handle);
	r = sd_crypt_handle_load(rotate->device, rotate->id, &rotate->handle, err);
	if (r == 0)
		r = find_keyslot(rotate, rotate->new_key, &rotate->new_slot, err);
	if (r == 0)
		r = find_keyslot(rotate, rotate->old_key, &rotate->old_slot, err);
	return r;
}

/* The next token after *token that belongs to a keyslot; its type, or NULL. */
static const char *next_token(const struct rotate *rotate, int keyslot, int *token)
{
	const struct sd_cryptsetup *lib = rotate->handle.lib;
	struct crypt_device *cd = rotate->handle.cd;
	const char *type;

	while (++*token < lib->crypt_token_max(CRYPT_LUKS2)) {
		type = NULL;
		if (lib->crypt_token_status(cd, *token, &type) > CRYPT_TOKEN_INACTIVE && type &&
		        lib->crypt_token_is_assigned(cd, *token, keyslot) == 0)
			return type;
	}
	return NULL;
}

/* A token that opens the old key's keyslot would open nothing any more. */
static int check_is_no_tokens(const struct rotate *rotate, struct sd_error *err)
{
	const char *type;
	int token = -1;

	while ((type = next_token(rotate, rotate->old_slot, &token)))
		if (strcmp(type, RETIRED_TYPE) != 0)
			return sd_error_set(err, EPERM,
			        "keyslot %d, which the old key opens, belongs to token %d (%s) of "
			        "%s; remove that first (cryptsetup token remove)",
			        rotate->old_slot, token, type, rotate->device);
	return 0;
}

static int check_free_keyslot(const struct rotate *rotate, struct sd_error *err)
{
	const struct sd_cryptsetup *lib = rotate->handle.lib;

	for (int slot = 0; slot < lib->crypt_keyslot_max(CRYPT_LUKS2); slot++)
		if (lib->crypt_keyslot_status(rotate->handle.cd, slot) == CRYPT_SLOT_INACTIVE)
			return 0;
	return sd_error_set(err, ENOSPC,
	        "all keyslots of %s are taken; remove one that nobody needs (cryptsetup "
	        "luksKillSlot)",
	        rotate->device);
}

/* All that can be refused, before anything is written. */
static int check(const struct rotate *rotate, struct sd_error *err)
{
	int r = 0;

	if (rotate->handle.lib->crypt_reencrypt_status(rotate->handle.cd, NULL) !=
	        CRYPT_REENCRYPT_NONE)
		return sd_error_set(err, EBUSY,
		        "volume %s is being re-encrypted; finish that first (solodisk reencrypt)",
		        rotate->id);
	if (rotate->old_slot < 0 && rotate->new_slot < 0)
		return sd_error_set(
		        err, EPERM, "neither the old nor the new key opens %s", rotate->device);
	/* Not only equal bytes: to PBKDF2 a key and the same key with zero bytes behind it are one. */
	if (rotate->old_slot == rotate->new_slot)
		return sd_error_set(err, EINVAL,
		        "the old and the new key are the same: both open keyslot %d",
		        rotate->old_slot);
	if (rotate->old_slot >= 0)
		r = check_is_no_tokens(rotate, err);
	return r == 0 && rotate->new_slot < 0 ? check_free_keyslot(rotate, err) : r;
}

static int add_new_key(struct rotate *rotate, enum sd_kdf kdf, struct sd_error *err)
{
	const struct sd_key *old_key = rotate->old_key, *new_key = rotate->new_key;
	struct sd_crypt_handle *handle = &rotate->handle;
	int r;

	r = sd_crypt_check_new_key(new_key, kdf, err);
	if (r == 0)
		r = sd_crypt_set_kdf(handle, kdf, err);
	if (r < 0)
		return r;
	rotate->done->touched = true;
	r = handle->lib->crypt_keyslot_add_by_passphrase(handle->cd, CRYPT_ANY_SLOT,
	        (const char *)old_key->data, old_key->size, (const char *)new_key->data,
	        new_key->size);
	if (r < 0)
		return sd_cryptsetup_error(err, handle->lib, -r,
		        "cannot write the new key's keyslot to %s", rotate->device);
	r = look(rotate, err);
	if (r == 0 && rotate->new_slot < 0)
		r = sd_error_set(err, EIO,
		        "the new key was given a keyslot on %s, but does not open it; the old key "
		        "stays",
		        rotate->device);
	rotate->done->added = r == 0;
	return r;
}

/* Names the old key's keyslot as the one that goes. */
static int retire(const struct rotate *rotate, struct sd_error *err)
{
	const struct sd_crypt_handle *handle = &rotate->handle;
	const char *type;
	char json[96];
	int token = -1, r;

	while ((type = next_token(rotate, rotate->old_slot, &token)))
		if (strcmp(type, RETIRED_TYPE) == 0)
			return 0;
	(void)snprintf(json, sizeof(json), RETIRED, rotate->old_slot);
	rotate->done->touched = true;
	r = handle->lib->crypt_token_json_set(handle->cd, CRYPT_ANY_TOKEN, json);
	return r < 0
	        ? sd_cryptsetup_error(err, handle->lib, -r, "cannot write to %s", rotate->device)
	        : 0;
}

static int destroy(struct rotate *rotate, int keyslot, struct sd_error *err)
{
	const struct sd_crypt_handle *handle = &rotate->handle;
	int r;

	rotate->done->touched = true;
	r = handle->lib->crypt_keyslot_destroy(handle->cd, keyslot);
	if (r < 0)
		return sd_cryptsetup_error(err, handle->lib, -r, "cannot destroy keyslot %d of %s",
		        keyslot, rotate->device);
	rotate->done->removed++;
	return 0;
}

/*
 * Destroys the keyslots that are named so, by this call or by one that was cut off; never the one that
 * was just proved to work: then somebody is on the way back to his old key.
 */
static int destroy_retired(struct rotate *rotate, struct sd_error *err)
{
	const struct sd_cryptsetup *lib = rotate->handle.lib;
	struct crypt_device *cd = rotate->handle.cd;
	const char *type;
	int r = 0;

	for (int token = 0; token < lib->crypt_token_max(CRYPT_LUKS2); token++) {
		if (lib->crypt_token_status(cd, token, &type) <= CRYPT_TOKEN_INACTIVE ||
		        strcmp(type, RETIRED_TYPE) != 0)
			continue;
		for (int slot = 0; r == 0 && slot < lib->crypt_keyslot_max(CRYPT_LUKS2); slot++)
			if (slot != rotate->new_slot &&
			        lib->crypt_token_is_assigned(cd, token, slot) == 0)
				r = destroy(rotate, slot, err);
		if (r < 0)
			return r;
		rotate->done->touched = true;
		r = lib->crypt_token_json_set(cd, token, NULL);
		if (r < 0)
			return sd_cryptsetup_error(
			        err, lib, -r, "cannot write to %s", rotate->device);
		r = 0;
	}
	return 0;
}

static void list_others(const struct rotate *rotate)
{
	const struct sd_cryptsetup *lib = rotate->handle.lib;
	struct sd_rotation *done = rotate->done;

	for (int slot = 0; slot < SD_CRYPT_KEYSLOTS; slot++) {
		const char *type;
		int token = -1;

		if (slot == rotate->new_slot ||
		        lib->crypt_keyslot_status(rotate->handle.cd, slot) <= CRYPT_SLOT_INACTIVE)
			continue;
		type = next_token(rotate, slot, &token);
		done->others[done->n_others].keyslot = slot;
		(void)snprintf(done->others[done->n_others].token,
		        sizeof(done->others[done->n_others].token), "%s", type ? type : "");
		done->n_others++;
	}
}

int sd_crypt_rotate(const char *device, const char *id, const struct sd_key *old_key,
        const struct sd_key *new_key, enum sd_kdf kdf, struct sd_rotation *ret,
        struct sd_error *err)
{
	_cleanup_(rotate_free) struct rotate rotate = {
		.device = device, .id = id, .old_key = old_key, .new_key = new_key, .done = ret
	};
	int r;

	memset(ret, 0, sizeof(*ret));
	r = look(&rotate, err);
	if (r == 0)
		r = check(&rotate, err);
	if (r == 0 && rotate.new_slot < 0)
		r = add_new_key(&rotate, kdf, err);
	if (r == 0)
		r = destroy_retired(&rotate, err);
	/* One key may have several keyslots. Each round looks anew, and destroys one. */
	while (r == 0 && (r = look(&rotate, err)) == 0 && rotate.old_slot >= 0) {
		r = check(&rotate, err);
		if (r == 0)
			r = retire(&rotate, err);
		if (r == 0)
			r = destroy_retired(&rotate, err);
	}
	if (r == 0)
		list_others(&rotate);
	return r;
}
