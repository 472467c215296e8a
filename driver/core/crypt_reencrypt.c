/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "crypt.h"
#include "crypt_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_TYPE "solodisk-reencrypt"
#define TOKEN_BEGUN "{\"type\":\"" TOKEN_TYPE "\",\"keyslots\":[]}"
#define TOKEN_KEYSLOT "{\"type\":\"" TOKEN_TYPE "\",\"keyslots\":[\"%d\"]}"

/*
 * What is done in one go, while writes to it wait: short on a disk that is fast, and long enough on one
 * that seeks for it (each zone costs several writes of the header).
 */
#define ZONE_SECTORS ((16ull << 20) / 512)
#define ZONE_SECTORS_ROTATIONAL ((64ull << 20) / 512)

struct sd_reencryption {
	struct sd_crypt_handle handle;
	int (*tell)(void *data, uint64_t done, uint64_t total);
	void *tell_data;
	bool canceled;
};

void sd_crypt_reencrypt_free(struct sd_reencryption *reencryption)
{
	if (!reencryption)
		return;
	sd_crypt_handle_free(&reencryption->handle);
	free(reencryption);
}

/* The keyslot that the key opens, of the volume key that is in force. */
static int find_keyslot(const struct sd_crypt_handle *handle, const char *device,
        const struct sd_key *key, struct sd_error *err)
{
	int slot = handle->lib->crypt_activate_by_passphrase(
	        handle->cd, NULL, CRYPT_ANY_SLOT, (const char *)key->data, key->size, 0);

	if (slot == -EPERM || slot == -ENOENT)
		return sd_error_set(err, EPERM, "wrong key for %s", device);
	return slot < 0
	        ? sd_cryptsetup_error(err, handle->lib, -slot, "cannot try the key on %s", device)
	        : slot;
}

static int check_others(
        const struct sd_crypt_handle *handle, const char *device, int own, struct sd_error *err)
{
	for (int slot = 0; slot < SD_CRYPT_KEYSLOTS; slot++) {
		crypt_keyslot_info info = handle->lib->crypt_keyslot_status(handle->cd, slot);

		if (slot != own && (info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST))
			return sd_error_set(err, EPERM,
			        "keyslot %d of %s is another key's (or a token's) and would be lost, "
			        "since it cannot be had for the new volume key: say "
			        "--drop-other-keys to lose all but the key given",
			        slot, device);
	}
	return 0;
}

/* Our token: its number, or -ENOENT. */
static int find_token(const struct sd_crypt_handle *handle)
{
	for (int token = 0; token < handle->lib->crypt_token_max(CRYPT_LUKS2); token++) {
		const char *type = NULL;

		if (handle->lib->crypt_token_status(handle->cd, token, &type) >
		                CRYPT_TOKEN_INACTIVE &&
		        type && strcmp(type, TOKEN_TYPE) == 0)
			return token;
	}
	return -ENOENT;
}

static int set_token(
        const struct sd_crypt_handle *handle, int token, const char *json, struct sd_error *err)
{
	int r = handle->lib->crypt_token_json_set(handle->cd, token, json);

	return r < 0 ? sd_cryptsetup_error(err, handle->lib, -r, "cannot write the LUKS2 header")
	             : r;
}

/* Whether the keyslot that the token names is that of the volume key in force: then all was done. */
static bool is_done(const struct sd_crypt_handle *handle, int token)
{
	for (int slot = 0; slot < SD_CRYPT_KEYSLOTS; slot++) {
		crypt_keyslot_info info = handle->lib->crypt_keyslot_status(handle->cd, slot);

		if (handle->lib->crypt_token_is_assigned(handle->cd, token, slot) == 0 &&
		        (info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST))
			return true;
	}
	return false;
}

/*
 * Keyslots of a volume key that is not in force: of the one that nothing is encrypted with yet, or of
 * the one that nothing is encrypted with any more.
 */
static int destroy_unbound(const struct sd_crypt_handle *handle, struct sd_error *err)
{
	for (int slot = 0; slot < SD_CRYPT_KEYSLOTS; slot++) {
		int r;

		if (handle->lib->crypt_keyslot_status(handle->cd, slot) != CRYPT_SLOT_UNBOUND)
			continue;
		r = handle->lib->crypt_keyslot_destroy(handle->cd, slot);
		if (r < 0)
			return sd_cryptsetup_error(
			        err, handle->lib, -r, "cannot destroy keyslot %d", slot);
	}
	return 0;
}

/* A new volume key in a keyslot of its own. Returns the keyslot. */
static int add_volume_key(const struct sd_crypt_handle *handle, const struct sd_key *key,
        enum sd_kdf kdf, struct sd_error *err)
{
	const struct sd_cryptsetup *lib = handle->lib;
	char json[96];
	int token, slot, r;

	token = find_token(handle);
	r = sd_crypt_check_new_key(key, kdf, err);
	if (r == 0 && token >= 0)
		r = destroy_unbound(handle, err);
	if (r == 0)
		r = token =
		        set_token(handle, token >= 0 ? token : CRYPT_ANY_TOKEN, TOKEN_BEGUN, err);
	if (r >= 0)
		r = sd_crypt_set_kdf(handle, kdf, err);
	if (r < 0)
		return r;
	slot = lib->crypt_keyslot_add_by_key(handle->cd, CRYPT_ANY_SLOT, NULL,
	        (size_t)lib->crypt_get_volume_key_size(handle->cd), (const char *)key->data,
	        key->size, CRYPT_VOLUME_KEY_NO_SEGMENT);
	if (slot < 0)
		return sd_cryptsetup_error(
		        err, lib, -slot, "cannot write a keyslot for the new volume key");
	(void)snprintf(json, sizeof(json), TOKEN_KEYSLOT, slot);
	r = set_token(handle, token, json, err);
	return r < 0 ? r : slot;
}

/* Tells the library what is to be done, which writes it down, or reads what was written down. */
static int start(struct sd_crypt_handle *handle, const char *device, const char *id,
        const struct sd_key *key, int old_slot, int new_slot, bool rotational, struct sd_error *err)
{
	const struct crypt_params_luks2 luks2 = {
		.sector_size = (uint32_t)handle->lib->crypt_get_sector_size(handle->cd),
	};
	const struct crypt_params_reencrypt params = {
		.mode = CRYPT_REENCRYPT_REENCRYPT,
		.direction = CRYPT_REENCRYPT_FORWARD,
		.resilience = "checksum",
		.hash = "sha256",
		.max_hotzone_size = rotational ? ZONE_SECTORS_ROTATIONAL : ZONE_SECTORS,
		.luks2 = &luks2,
		.flags = new_slot == CRYPT_ANY_SLOT ? CRYPT_REENCRYPT_RESUME_ONLY : 0,
	};
	char name[SD_MAPPING_NAME_SIZE];
	int r;

	r = sd_crypt_flush_before_headers(handle, device, err);
	if (r < 0)
		return r;
	sd_id_mapping_name(id, name);
	/* With a cipher it would look at the new keyslot, which it knows by itself when it goes on. */
	r = handle->lib->crypt_reencrypt_init_by_passphrase(handle->cd, name,
	        (const char *)key->data, key->size, old_slot, new_slot,
	        new_slot == CRYPT_ANY_SLOT ? NULL : "aes",
	        new_slot == CRYPT_ANY_SLOT ? NULL : "xts-plain64", &params);
	if (r == -EBUSY)
		return sd_error_set(
		        err, EBUSY, "volume %s is being re-encrypted by another process", id);
	return r < 0 ? sd_cryptsetup_error(
	                       err, handle->lib, -r, "the re-encryption of %s cannot begin", device)
	             : 0;
}

/* The library must not go on where all data are done: see sd_crypt_settle(). */
static int load_settled(struct sd_crypt_handle *handle, const char *device, const char *id,
        const struct sd_key *key, struct sd_error *err)
{
	int r = sd_crypt_handle_load(device, id, handle, err);

	if (r < 0 || handle->lib->crypt_reencrypt_status(handle->cd, NULL) == CRYPT_REENCRYPT_NONE)
		return r;
	r = sd_crypt_settle(handle, device, key, NULL, err);
	if (r <= 0)
		return r;
	sd_crypt_handle_free(handle);
	return sd_crypt_handle_load(device, id, handle, err);
}

static int begin(struct sd_reencryption *reencryption, const char *device, const char *id,
        const struct sd_key *key, enum sd_kdf kdf, bool rotational, bool drop_others,
        enum sd_reencrypt_state *ret_state, struct sd_error *err)
{
	struct sd_crypt_handle *handle = &reencryption->handle;
	int old_slot = -1, new_slot = -1, token, r;

	r = load_settled(handle, device, id, key, err);
	if (r == 0)
		r = old_slot = find_keyslot(handle, device, key, err);
	if (r < 0)
		return r;
	if (handle->lib->crypt_reencrypt_status(handle->cd, NULL) != CRYPT_REENCRYPT_NONE) {
		*ret_state = SD_REENCRYPT_RESUMED;
		return start(
		        handle, device, id, key, CRYPT_ANY_SLOT, CRYPT_ANY_SLOT, rotational, err);
	}
	token = find_token(handle);
	if (token >= 0 && is_done(handle, token)) {
		*ret_state = SD_REENCRYPT_FINISHED;
		return 0;
	}
	r = drop_others ? 0 : check_others(handle, device, old_slot, err);
	if (r < 0)
		return r;
	*ret_state = SD_REENCRYPT_BEGUN;
	r = new_slot = add_volume_key(handle, key, kdf, err);
	if (r < 0)
		return r;
	return start(handle, device, id, key, old_slot, new_slot, rotational, err);
}

int sd_crypt_reencrypt_begin(const char *device, const char *id, const struct sd_key *key,
        enum sd_kdf kdf, bool rotational, bool drop_others, struct sd_reencryption **ret,
        enum sd_reencrypt_state *ret_state, struct sd_error *err)
{
	struct sd_reencryption *reencryption = calloc(1, sizeof(*reencryption));
	int r;

	*ret_state = SD_REENCRYPT_NONE;
	if (!reencryption)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = begin(reencryption, device, id, key, kdf, rotational, drop_others, ret_state, err);
	if (r < 0)
		sd_crypt_reencrypt_free(reencryption);
	else
		*ret = reencryption;
	return r;
}

static int on_progress(uint64_t size, uint64_t offset, void *data)
{
	struct sd_reencryption *reencryption = data;

	if (reencryption->tell(reencryption->tell_data, offset, size) != 0)
		reencryption->canceled = true;
	return reencryption->canceled || reencryption->handle.flush_failed;
}

int sd_crypt_reencrypt_run(struct sd_reencryption *reencryption,
        int (*tell)(void *data, uint64_t done, uint64_t total), void *data, struct sd_error *err)
{
	const struct sd_crypt_handle *handle = &reencryption->handle;
	int r;

	reencryption->tell = tell;
	reencryption->tell_data = data;
	r = handle->lib->crypt_reencrypt_run(handle->cd, on_progress, reencryption);
	if (handle->flush_failed)
		return sd_error_set(err, EIO, "the disk does not flush its cache");
	if (reencryption->canceled &&
	        handle->lib->crypt_reencrypt_status(handle->cd, NULL) != CRYPT_REENCRYPT_NONE)
		return sd_error_set(err, ECANCELED, "the re-encryption was stopped");
	return r < 0 ? sd_cryptsetup_error(err, handle->lib, -r, "the re-encryption failed") : 0;
}

int sd_crypt_reencrypt_finish(
        const char *device, const char *id, const struct sd_key *key, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	int token, r;

	r = sd_crypt_handle_load(device, id, &handle, err);
	if (r == 0)
		r = find_keyslot(&handle, device, key, err);
	if (r < 0)
		return r;
	token = find_token(&handle);
	if (handle.lib->crypt_reencrypt_status(handle.cd, NULL) != CRYPT_REENCRYPT_NONE ||
	        (token >= 0 && !is_done(&handle, token)))
		return sd_error_set(err, EIO,
		        "%s should be re-encrypted, but its header says otherwise", device);
	r = destroy_unbound(&handle, err);
	if (r == 0 && token >= 0)
		r = set_token(&handle, token, NULL, err);
	return r < 0 ? r : 0;
}
