/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * LUKS2 under a volume: the only user of libcryptsetup, which is loaded with dlopen() by the calls
 * that need it (its load time is 1.3 ms, of which libcrypto is the most). What needs only to be
 * known about a mapping is read from sysfs, without the library.
 */

#include "error.h"
#include "id.h"
#include "key.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sd_mapping {
	char name[SD_MAPPING_NAME_SIZE];
	char node[64]; /* /dev/dm-N by the kernel's name, which exists without udev too */
	dev_t devno;
	bool reencrypting; /* it lies on the two mappings of a re-encryption that runs, or was killed */
};

enum sd_kdf {
	SD_KDF_PBKDF2,   /* 1000 iterations: for keys of 32 random bytes or more */
	SD_KDF_ARGON2ID, /* capped at 64 MiB: for passphrases */
};

/*
 * luksFormat on a volume's partition: random volume key, LUKS UUID = volume ID, label and subsystem
 * "solodisk", sector size autodetected, one keyslot. Only prepare and erase call it.
 */
int sd_crypt_format(const char *device, const char *id, const struct sd_key *key, enum sd_kdf kdf,
        struct sd_error *err);

/*
 * Opens the volume's mapping, or finds it open. An existing mapping counts only if its dm UUID
 * (CRYPT-LUKS2-<LUKS UUID without dashes>-<name>) and its backing device are the expected ones;
 * otherwise -EEXIST, err names both devices. -EPERM: the key opens no keyslot; -EINVAL: not LUKS2 or
 * its UUID is not the volume ID. rotational decides on work queues and discards.
 * *ret_was_open tells whether it was open before; the key must fit then too.
 */
int sd_crypt_open(const char *device, dev_t devno, const char *id, const struct sd_key *key,
        bool rotational, struct sd_mapping *ret, bool *ret_was_open, struct sd_error *err);

/*
 * Whether the volume's mapping is open, from sysfs alone. Returns 1 (*ret filled), 0: not open. A
 * mapping of that name without the right dm UUID is somebody else's: -EEXIST, and nobody may close it.
 * With devno non-zero it must also lie on that device, else -EEXIST as above; with devno 0 (the disk
 * is gone) what it lies on does not count.
 */
int sd_crypt_find(const char *id, dev_t devno, struct sd_mapping *ret, struct sd_error *err);

/*
 * A mapping that a dead disk has left: the device under it is gone from the kernel, so it can hold
 * nothing any more, and in its place a disk that came back cannot be opened. Returns 1 (*ret filled), 0:
 * there is none. -EEXIST: a mapping of that name is not the volume's.
 */
int sd_crypt_find_dead(const char *id, struct sd_mapping *ret, struct sd_error *err);

/* Closes such a mapping. Returns 1: done, 0: there is none; -EBUSY: something uses it. */
int sd_crypt_close_dead(const char *id, struct sd_error *err);

/* Calls f for each of them on this node until it returns non-zero; returns that, 0, or an error. */
int sd_crypt_each_dead(int (*f)(const char *id, const struct sd_mapping *mapping, void *data,
                               struct sd_error *err),
        void *data, struct sd_error *err);

/* Whether a key opens a keyslot, without opening the mapping: for rotation and for tests of a key. */
int sd_crypt_check_key(
        const char *device, const char *id, const struct sd_key *key, struct sd_error *err);

/*
 * The secret that a LUKS2 token of the volume yields: of systemd's TPM2 tokens by libcryptsetup's plugin
 * for them, of Clevis' by its own program, through pipes alone. The first token that yields one counts.
 * alone: it is a keyslot's key, so a token counts that has a keyslot; otherwise it is a part of a key,
 * and only a token counts that has none, since one that has opens the volume without the other part.
 * -ENOKEY: there is no such token, or none yields anything (err says why, of each).
 */
int sd_crypt_token_key(
        const char *device, const char *id, bool alone, struct sd_key *ret, struct sd_error *err);

#define SD_CRYPT_KEYSLOTS 32 /* of LUKS2 */

/* What a rotation did; also when it failed. */
struct sd_rotation {
	bool touched;     /* something was written */
	bool added;       /* the new key got a keyslot; else it had one */
	unsigned removed; /* keyslots of the old key that are destroyed */
	/* Keyslots that are left beside the new key's: whose they are, only their owners know. */
	struct {
		int keyslot;
		char token[48]; /* the type of the LUKS2 token that belongs to it; "": none */
	} others[SD_CRYPT_KEYSLOTS];
	size_t n_others;
};

/*
 * Replaces a key: gives the new one a keyslot, sees that it opens the volume, then destroys the old
 * one's. The volume may be open meanwhile. A LUKS2 token of type "solodisk-retired" names the keyslot
 * that is to go before it goes, so that whatever is cut off, the same call finishes it.
 *
 * Nothing was written with: -EPERM: neither key opens a keyslot, or the old one's belongs to another
 * token; -EINVAL: both keys open the same keyslot; -EBUSY: the volume is being re-encrypted; -ENOSPC: no
 * keyslot is free.
 */
int sd_crypt_rotate(const char *device, const char *id, const struct sd_key *old_key,
        const struct sd_key *new_key, enum sd_kdf kdf, struct sd_rotation *ret,
        struct sd_error *err);

/*
 * Writes a volume's LUKS2 header and keyslots to a new file, 0400, flushed. Whoever has it can open the
 * volume with every key of that moment, also after a rotation or a crypto-erase. -EEXIST: the file is
 * there already; -EBUSY: the volume is being re-encrypted, and its header is good for a moment only.
 */
int sd_crypt_header_backup(
        const char *device, const char *id, const char *path, struct sd_error *err);

/*
 * Puts such a file back; the volume is not open. What is on the disk need not be readable. Nothing is
 * written unless the file is root's alone, is the volume's (-EINVAL), and the key opens with it what
 * lies on the disk: a filesystem of this volume (-ESTALE: it was re-encrypted since, or is damaged).
 * *ret_written becomes true right before the first write.
 */
int sd_crypt_header_restore(const char *device, dev_t devno, const char *id, const char *path,
        const struct sd_key *key, bool *ret_written, struct sd_error *err);

/*
 * Both copies of the header are made sound from the one that is; every other call does so too, and logs
 * it. *ret_repaired: whether anything was written. -EINVAL: neither copy can be used.
 */
int sd_crypt_header_repair(
        const char *device, const char *id, bool *ret_repaired, struct sd_error *err);

enum sd_reencrypt_state {
	SD_REENCRYPT_NONE, /* nothing was written */
	SD_REENCRYPT_BEGUN,
	SD_REENCRYPT_RESUMED,
	SD_REENCRYPT_FINISHED, /* all data were done, and what was left behind is cleared now */
};

/* A re-encryption of a volume under a new volume key; between begin and free it is this process' own. */
struct sd_reencryption;

/*
 * Begins one, or takes up one that was cut off. The volume is open, and may be in use. The key gets a
 * keyslot for the new volume key. A LUKS2 token of type "solodisk-reencrypt" names that keyslot before,
 * so that a cut at any point is understood later. The header grows no flag before all can go on.
 *
 * -EPERM: the key opens no keyslot, or others would be lost, which drop_others allows: a keyslot of
 * another key cannot be had for the new volume key. -EBUSY: it runs in another process. *ret_state is
 * also set when it fails.
 */
int sd_crypt_reencrypt_begin(const char *device, const char *id, const struct sd_key *key,
        enum sd_kdf kdf, bool rotational, bool drop_others, struct sd_reencryption **ret,
        enum sd_reencrypt_state *ret_state, struct sd_error *err);

/*
 * Does it, for hours perhaps. tell (bytes) is called after every zone; when it returns non-zero the
 * work stops there: -ECANCELED. Reads and writes of the zone at work wait, all others go on.
 */
int sd_crypt_reencrypt_run(struct sd_reencryption *reencryption,
        int (*tell)(void *data, uint64_t done, uint64_t total), void *data, struct sd_error *err);

void sd_crypt_reencrypt_free(struct sd_reencryption *reencryption); /* NULL is fine */

/*
 * After the run: that the header tells of no re-encryption any more, that the key opens it, and no old
 * keyslot is left.
 */
int sd_crypt_reencrypt_finish(
        const char *device, const char *id, const struct sd_key *key, struct sd_error *err);

/*
 * For a mapping whose re-encryption was killed: requests to it fail from now on instead of waiting for
 * ever, so that it can be unmounted, closed, and opened anew, which puts right the zone that was at work.
 */
int sd_crypt_cut_off(const char *id, struct sd_error *err);

/*
 * Takes away what a re-encryption that was killed as it began left beside a volume's open mapping, at which
 * libcryptsetup would stumble, and has the mapping go on with the table that it had.
 */
int sd_crypt_clear_layers(const char *id, struct sd_error *err);

/*
 * Closes a mapping, and what a killed re-encryption left under it. -EBUSY: in use, never deferred. A
 * mapping that is not there: 0.
 */
int sd_crypt_close(const char *id, struct sd_error *err);

/* Lets an open mapping grow to its partition. -ENOKEY: needs a key that is not given (NULL). */
int sd_crypt_grow(
        const char *device, const char *id, const struct sd_key *key, struct sd_error *err);

/*
 * Crypto-erase: overwrites everything before the data offset with random bytes (O_DIRECT), flushes,
 * reads back. device is the partition, already marked erasing. Never loads the header (crypt_load
 * would repair a wiped one from its second copy): the length is 16 MiB, LUKS2's default data offset
 * and what sd_crypt_format() sets. *ret_bytes: how much was overwritten.
 */
int sd_crypt_erase(const char *device, uint64_t *ret_bytes, struct sd_error *err);
