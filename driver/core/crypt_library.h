/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * libcryptsetup, loaded when it is first needed. Its header gives the types, so that a call here is
 * checked as a linked one is. Nobody but the files of the crypt module includes this.
 */

#include "library.h"

#include <libcryptsetup.h>

/* clang-format off */
#define CRYPT_FUNCTIONS(f)                                                         \
	f(crypt_init) f(crypt_free) f(crypt_set_log_callback) f(crypt_set_pbkdf_type)  \
	f(crypt_set_data_offset) f(crypt_get_data_offset) f(crypt_format) f(crypt_load) \
	f(crypt_get_uuid) f(crypt_resize) f(crypt_keyslot_add_by_volume_key)           \
	f(crypt_activate_by_passphrase) f(crypt_keyslot_add_by_passphrase)             \
	f(crypt_keyslot_destroy) f(crypt_keyslot_max) f(crypt_keyslot_status)          \
	f(crypt_token_max) f(crypt_token_status) f(crypt_token_is_assigned)            \
	f(crypt_token_json_set) f(crypt_reencrypt_status) f(crypt_init_data_device)      \
	f(crypt_header_backup) f(crypt_header_restore) f(crypt_reencrypt_run)           \
	f(crypt_reencrypt_init_by_passphrase) f(crypt_keyslot_add_by_key)              \
	f(crypt_get_volume_key_size) f(crypt_get_sector_size) f(crypt_token_json_get)  \
	f(crypt_token_external_path) f(crypt_keyslot_get_pbkdf)            \
	f(crypt_volume_key_get) f(crypt_set_debug_level)
/* clang-format on */

struct sd_cryptsetup {
	CRYPT_FUNCTIONS(SD_LIBRARY_MEMBER)
	char message[300]; /* the last error that the library told; it prints nothing */
};

/* *ret is valid until the program ends. -ELIBACC: the library is not installed. */
int sd_cryptsetup_load(struct sd_cryptsetup **ret, struct sd_error *err);

/* What the library is told to call with its messages: keeps an error's in *data, a struct sd_cryptsetup. */
void sd_cryptsetup_keep_message(int level, const char *message, void *data);

/* As sd_error_set(), with what the library told, or strerror(), behind the text. code is positive. */
int sd_cryptsetup_error(struct sd_error *err, const struct sd_cryptsetup *lib, int code,
        const char *fmt, ...) __attribute__((format(printf, 4, 5)));
