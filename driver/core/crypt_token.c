/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LUKS2 tokens: what a TPM2 or a tang server gives for one. The key comes out here instead of going
 * straight to a keyslot (crypt_activate_by_token), since an open mapping, growing, rotation and both:
 * need it too.
 */
#include "cleanup.h"
#include "crypt_private.h"
#include "json.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TPM2_PLUGIN "%s/libcryptsetup-token-systemd-tpm2.so"

struct token {
	const struct sd_crypt_handle *handle;
	int number;
	const char *json; /* the handle's */
};

/* The interface of libcryptsetup's plugins, "Token handler open function prototype" in its header. */
static struct {
	crypt_token_open_func open;
	crypt_token_validate_func validate;
	crypt_token_buffer_free_func free;
} tpm2;

static int load_tpm2(const struct sd_cryptsetup *lib, struct sd_error *err)
{
	static const char *const names[] = { CRYPT_TOKEN_ABI_OPEN, CRYPT_TOKEN_ABI_VALIDATE,
		CRYPT_TOKEN_ABI_BUFFER_FREE };
	const char *dir = lib->crypt_token_external_path();
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), TPM2_PLUGIN, dir ? dir : "");
	return sd_library_load(path, names, SD_ARRAY_SIZE(names), &tpm2, err);
}

static int ask_tpm2(const struct token *token, struct sd_key *ret, struct sd_error *err)
{
	struct sd_cryptsetup *lib = token->handle->lib;
	char *buffer = NULL;
	size_t size = 0;
	int r;

	r = load_tpm2(lib, err);
	if (r < 0)
		return r;
	lib->message[0] = '\0';
	r = tpm2.validate(token->handle->cd, token->json);
	if (r == 0)
		r = tpm2.open(token->handle->cd, token->number, &buffer, &size, NULL);
	if (r == -ENOANO)
		return sd_error_set(err, ENOKEY, "it wants a PIN, which nobody can type here");
	if (r < 0)
		return sd_cryptsetup_error(err, lib, -r, "the TPM2 does not give its key");
	r = sd_key_copy(buffer, size, ret, err);
	tpm2.free(buffer, size); /* wiped by it */
	return r;
}

static int ask_clevis(const struct token *token, struct sd_key *ret, struct sd_error *err)
{
	return sd_crypt_clevis(token->json, ret, err);
}

/* No other type is ever loaded: its name comes from the disk. */
static const struct token_type {
	const char *name;
	int (*ask)(const struct token *token, struct sd_key *ret, struct sd_error *err);
} types[] = {
	{ "systemd-tpm2", ask_tpm2 },
	{ "clevis", ask_clevis },
};

/* What there is to say of the volume's tokens: how many there are, and why none gave a key. */
struct report {
	size_t n_known, n_wrong_kind;
	char text[600];
};

static void add(struct report *report, const struct token *token, const char *type, const char *why)
{
	size_t used = strlen(report->text);

	(void)snprintf(report->text + used, sizeof(report->text) - used, "%stoken %d (%s): %s",
	        used ? "; " : "", token->number, type, why);
}

/* Returns 1: *ret is filled, or 0: not from this one. */
static int try_token(
        const struct token *token, bool alone, struct report *report, struct sd_key *ret)
{
	_cleanup_json_ sd_json *json = NULL;
	struct sd_error err = SD_ERROR_INIT;
	const char *name;
	bool has_keyslot;

	if (sd_json_parse(token->json, strlen(token->json), &json, &err) < 0 ||
	        sd_json_get_string(json, "type", &name, &err) != 1)
		return 0;
	has_keyslot = sd_json_size(sd_json_get(json, "keyslots")) > 0;
	for (size_t i = 0; i < SD_ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		report->n_known++;
		if (has_keyslot != alone) {
			report->n_wrong_kind++;
			return 0;
		}
		if (types[i].ask(token, ret, &err) == 0)
			return 1;
		add(report, token, name, err.text);
	}
	return 0;
}

static int tell(const struct report *report, const char *device, bool alone, struct sd_error *err)
{
	if (report->n_known == 0)
		return sd_error_set(err, ENOKEY,
		        "%s has no token of a TPM2 or of Clevis: bind one with systemd-cryptenroll or "
		        "clevis luks bind",
		        device);
	if (report->text[0])
		return sd_error_set(
		        err, ENOKEY, "no token of %s gives a key: %s", device, report->text);
	return sd_error_set(err, ENOKEY,
	        alone ? "no token of %s has a keyslot: it can be a part of both: only"
	              : "each token of %s has a keyslot, which it opens without the other part of "
	                "both:; remove that with cryptsetup luksKillSlot, the token stays",
	        device);
}

int sd_crypt_token_key(
        const char *device, const char *id, bool alone, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	struct report report = { 0 };
	int r;

	r = sd_crypt_handle_load(device, id, &handle, err);
	if (r < 0)
		return r;
	for (int i = 0; i < handle.lib->crypt_token_max(CRYPT_LUKS2); i++) {
		struct token token = { &handle, i, NULL };

		if (handle.lib->crypt_token_json_get(handle.cd, i, &token.json) < 0 || !token.json)
			continue;
		if (try_token(&token, alone, &report, ret) == 1)
			return 0;
	}
	return tell(&report, device, alone, err);
}
