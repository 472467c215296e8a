/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of the crypt module share. Nobody else includes this. */

#include "crypt.h"
#include "crypt_library.h"

/* LUKS2's default data offset, which sd_crypt_format() sets and sd_crypt_erase() overwrites. */
#define SD_CRYPT_DATA_OFFSET (16ull << 20)

/* A handle of the library, with the library. */
struct sd_crypt_handle {
	struct sd_cryptsetup *lib;
	struct crypt_device *cd;
	bool repaired; /* sd_crypt_handle_load() repaired a copy of the header, and logged it */
	bool flushes;  /* sd_crypt_flush_before_headers() */
	bool flush_failed;
	int flush_fd;
};

void sd_crypt_handle_free(struct sd_crypt_handle *handle); /* may be called twice */
#define _cleanup_crypt_ __attribute__((cleanup(sd_crypt_handle_free)))

/* A handle on a device or file, nothing read yet. */
int sd_crypt_handle_open(const char *device, struct sd_crypt_handle *handle, struct sd_error *err);

/*
 * Loads a volume's LUKS2 header, after a look that it is this volume's: the library repairs a copy of
 * the header that is torn or differs from the other one. -EINVAL: not LUKS2, or not the volume's.
 */
int sd_crypt_handle_load(
        const char *device, const char *id, struct sd_crypt_handle *handle, struct sd_error *err);

/*
 * From now on the disk's cache is flushed before each header that the library writes with this handle, which
 * stays where it is. sd_crypt_handle_load() does it where a re-encryption is under way. If it does not
 * work flush_failed says so.
 */
int sd_crypt_flush_before_headers(
        struct sd_crypt_handle *handle, const char *device, struct sd_error *err);

/* To be called before each operation that makes a keyslot: a loaded handle has LUKS2's defaults. */
int sd_crypt_set_kdf(const struct sd_crypt_handle *handle, enum sd_kdf kdf, struct sd_error *err);

/* Whether a keyslot may be made of this key: PBKDF2 is quick here, so it wants random bytes. -EINVAL. */
int sd_crypt_check_new_key(const struct sd_key *key, enum sd_kdf kdf, struct sd_error *err);

/* What a token's JSON ("jwe") yields when the program clevis decrypts it. *ret is the caller's. */
int sd_crypt_clevis(const char *json, struct sd_key *ret, struct sd_error *err);

/* "CRYPT-<type>-<digits of the LUKS UUID>-", which libcryptsetup puts before a mapping's name as its dm UUID. */
void sd_crypt_dm_uuid(char *buf, size_t size, const char *type, const char *id);

/*
 * While a re-encryption runs, and after it was killed, the mapping does not lie on the disk but on
 * "<name>-overlay", and that on the disk and "<name>-hotzone-forward". Returns 1: so it is, and these
 * lie on device (0: any); 0: it is not so; -EEXIST: something there is not the volume's.
 */
int sd_crypt_layers_check(const char *id, const char *name, dev_t device, struct sd_error *err);

/* Removes them. -EBUSY: in use. */
int sd_crypt_layers_remove(const char *id, struct sd_error *err);

/* Overwrites a keyslot's area with random bytes, once, and flushes; fd is open with O_DIRECT. */
int sd_crypt_overwrite(
        int fd, const char *device, uint64_t offset, uint64_t size, struct sd_error *err);

/*
 * Ends a re-encryption that was cut off when all data were done, but not the header's last change; mapping:
 * the volume's, if somebody else may be at work with it. Returns 1: done, load it anew; 0: it is not
 * that, or the key opens nothing, and nothing was written; -EBUSY: the process that re-encrypts is
 * about to do it.
 */
int sd_crypt_settle(const struct sd_crypt_handle *handle, const char *device,
        const struct sd_key *key, const struct sd_mapping *mapping, struct sd_error *err);
