/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a volume's LUKS2 header is made like, and each keyslot of it. */

#include "cleanup.h"
#include "crypt_private.h"
#include "device.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define VOLUME_KEY_SIZE 64 /* AES-256 in XTS mode takes two keys */
#define ARGON2_MEMORY_KB (64 * 1024)
#define ARGON2_MOST_THREADS 4

/*
 * A random key needs no stretching, only the salt: PBKDF2 at its least, as systemd does for its own
 * random keys. A passphrase gets Argon2id with what a node under pressure can spare. Never measured:
 * a benchmark takes a second, and with LUKS2's defaults up to 1 GiB.
 */
int sd_crypt_set_kdf(const struct sd_crypt_handle *handle, enum sd_kdf kdf, struct sd_error *err)
{
	struct crypt_pbkdf_type pbkdf = {
		.type = CRYPT_KDF_PBKDF2,
		.hash = "sha256",
		.iterations = 1000,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};
	int r;

	if (kdf == SD_KDF_ARGON2ID) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);

		pbkdf.type = CRYPT_KDF_ARGON2ID;
		pbkdf.iterations = 4;
		pbkdf.max_memory_kb = ARGON2_MEMORY_KB;
		pbkdf.parallel_threads = cpus < 1    ? 1
		        : cpus > ARGON2_MOST_THREADS ? ARGON2_MOST_THREADS
		                                     : (uint32_t)cpus;
	}
	r = handle->lib->crypt_set_pbkdf_type(handle->cd, &pbkdf);
	return r < 0 ? sd_cryptsetup_error(err, handle->lib, -r, "cannot set the key derivation")
	             : 0;
}

static int add_keyslot(const struct sd_crypt_handle *handle, const char *device,
        const struct sd_key *key, enum sd_kdf kdf, struct sd_error *err)
{
	int r;

	r = sd_crypt_set_kdf(handle, kdf, err);
	if (r < 0)
		return r;
	r = handle->lib->crypt_keyslot_add_by_volume_key(
	        handle->cd, CRYPT_ANY_SLOT, NULL, 0, (const char *)key->data, key->size);
	return r < 0
	        ? sd_cryptsetup_error(err, handle->lib, -r, "cannot write a keyslot to %s", device)
	        : 0;
}

int sd_crypt_check_new_key(const struct sd_key *key, enum sd_kdf kdf, struct sd_error *err)
{
	if (kdf != SD_KDF_PBKDF2 || key->size >= SD_KEY_MIN_SIZE)
		return 0;
	return sd_error_set(err, EINVAL,
	        "the key has %zu bytes; with fewer than %d only \"kdf: argon2id\" is allowed",
	        key->size, SD_KEY_MIN_SIZE);
}

int sd_crypt_format(const char *device, const char *id, const struct sd_key *key, enum sd_kdf kdf,
        struct sd_error *err)
{
	struct crypt_params_luks2 params = {
		.sector_size = 0, /* detect: 4096 where the disk is better off with it */
		.label = "solodisk",
		.subsystem = "solodisk",
	};
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	int r;

	if (!sd_id_is_valid(id))
		return sd_error_set(err, EINVAL, "\"%.50s\" is no volume ID", id);
	r = sd_crypt_check_new_key(key, kdf, err);
	if (r == 0)
		r = sd_device_wipe_edges(device, err);
	if (r == 0)
		r = sd_crypt_handle_open(device, &handle, err);
	if (r == 0)
		r = sd_crypt_set_kdf(&handle, kdf, err); /* also for the volume key's digest */
	if (r < 0)
		return r;
	r = handle.lib->crypt_set_data_offset(handle.cd, SD_CRYPT_DATA_OFFSET / 512);
	if (r == 0)
		r = handle.lib->crypt_format(handle.cd, CRYPT_LUKS2, "aes", "xts-plain64", id, NULL,
		        VOLUME_KEY_SIZE, &params);
	if (r < 0)
		return sd_cryptsetup_error(
		        err, handle.lib, -r, "cannot write a LUKS2 header to %s", device);
	return add_keyslot(&handle, device, key, kdf, err);
}
