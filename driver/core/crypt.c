/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypt.h"
#include "cleanup.h"
#include "crypt_private.h"
#include "device.h"
#include "log.h"
#include "probe.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#define LARGEST_SECTOR 4096
#define HEADER_COPIES ((size_t)32 << 10)

void sd_crypt_handle_free(struct sd_crypt_handle *handle)
{
	if (handle->cd)
		handle->lib->crypt_free(handle->cd);
	handle->cd = NULL;
	if (handle->flushes)
		(void)close(handle->flush_fd);
	handle->flushes = false;
}

int sd_crypt_handle_open(const char *device, struct sd_crypt_handle *handle, struct sd_error *err)
{
	int r;

	r = sd_cryptsetup_load(&handle->lib, err);
	if (r < 0)
		return r;
	r = handle->lib->crypt_init(&handle->cd, device);
	return r < 0 ? sd_cryptsetup_error(err, handle->lib, -r, "cannot open %s", device) : 0;
}

/*
 * Before crypt_load, which may write: it restores a header copy that differs from the other one.
 */
static int check_is_ours(const char *device, const char *id, struct sd_error *err)
{
	struct sd_content content;
	int r;

	r = sd_probe_node(device, &content, err);
	if (r == -ENODATA)
		return sd_error_set(err, EINVAL, "%s is not encrypted: it holds nothing", device);
	if (r < 0)
		return r;
	if (strcmp(content.type, "crypto_LUKS") != 0)
		return sd_error_set(
		        err, EINVAL, "%s is not encrypted: it holds %s", device, content.type);
	if (strcmp(content.uuid, id) != 0)
		return sd_error_set(err, EINVAL,
		        "the LUKS header on %s has the UUID %s, but the volume is %s: the partition "
		        "table was copied over other content",
		        device, content.uuid, id);
	return 0;
}

/* Both copies of the binary header and the JSON behind it, as sd_crypt_format() lays them out. */
static int read_copies(const char *device, unsigned char *buf, struct sd_error *err)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, buf, HEADER_COPIES, 0) != (ssize_t)HEADER_COPIES)
		return sd_error_errno(err, errno ? errno : EIO, "cannot read %s", device);
	return 0;
}

/* Loads it, and tells whether the library has written to the disk to repair it. */
static int load_and_compare(
        const char *device, struct sd_crypt_handle *handle, struct sd_error *err)
{
	_cleanup_free_ unsigned char *copies = malloc(2 * HEADER_COPIES);
	int r, loaded;

	if (!copies)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = read_copies(device, copies, err);
	if (r < 0)
		return r;
	loaded = handle->lib->crypt_load(handle->cd, CRYPT_LUKS2, NULL);
	if (loaded < 0)
		return sd_cryptsetup_error(err, handle->lib,
		        loaded == -EIO || loaded == -ENOMEM ? -loaded : EINVAL,
		        "the LUKS2 header on %s cannot be used", device);
	r = read_copies(device, copies + HEADER_COPIES, err);
	if (r < 0)
		return r;
	/* a re-encryption that runs meanwhile writes it all the time */
	handle->repaired = memcmp(copies, copies + HEADER_COPIES, HEADER_COPIES) != 0 &&
	        handle->lib->crypt_reencrypt_status(handle->cd, NULL) == CRYPT_REENCRYPT_NONE;
	if (handle->repaired)
		sd_log(LOG_NOTICE,
		        "%s: a copy of the LUKS2 header was damaged; it is repaired from the other",
		        device);
	return 0;
}

int sd_crypt_handle_load(
        const char *device, const char *id, struct sd_crypt_handle *handle, struct sd_error *err)
{
	const char *uuid;
	int r;

	r = check_is_ours(device, id, err);
	if (r == 0)
		r = sd_crypt_handle_open(device, handle, err);
	if (r == 0)
		r = load_and_compare(device, handle, err);
	if (r < 0)
		return r;
	uuid = handle->lib->crypt_get_uuid(handle->cd);
	if (!uuid || strcmp(uuid, id) != 0)
		return sd_error_set(
		        err, EINVAL, "the LUKS2 header on %s is not volume %s's", device, id);
	if (handle->lib->crypt_reencrypt_status(handle->cd, NULL) != CRYPT_REENCRYPT_NONE)
		return sd_crypt_flush_before_headers(handle, device, err);
	return 0;
}

static bool has_argon2(const struct sd_crypt_handle *handle, int keyslot)
{
	crypt_keyslot_info status = handle->lib->crypt_keyslot_status(handle->cd, keyslot);
	struct crypt_pbkdf_type pbkdf = { 0 };

	return (status == CRYPT_SLOT_ACTIVE || status == CRYPT_SLOT_ACTIVE_LAST) &&
	        handle->lib->crypt_keyslot_get_pbkdf(handle->cd, keyslot, &pbkdf) == 0 &&
	        pbkdf.type && strcmp(pbkdf.type, CRYPT_KDF_ARGON2ID) == 0;
}

/*
 * A short key can be guessed unless the keyslot makes that slow, so no other keyslot is tried with it.
 * Returns as crypt_activate_by_passphrase(), or -EINVAL: there is no such keyslot.
 */
static int activate_by_short(const struct sd_crypt_handle *handle, const char *name,
        const struct sd_key *key, uint32_t flags)
{
	int n = handle->lib->crypt_keyslot_max(CRYPT_LUKS2);
	int r = -EINVAL;

	for (int i = 0; i < n && (r == -EINVAL || r == -EPERM); i++)
		if (has_argon2(handle, i))
			r = handle->lib->crypt_activate_by_passphrase(
			        handle->cd, name, i, (const char *)key->data, key->size, flags);
	return r;
}

/* name NULL: only tries the key. */
static int activate(const struct sd_crypt_handle *handle, const char *device, const char *name,
        const struct sd_key *key, uint32_t flags, struct sd_error *err)
{
	bool is_short = key->size < SD_KEY_MIN_SIZE;
	int r;

	r = is_short ? activate_by_short(handle, name, key, flags)
	             : handle->lib->crypt_activate_by_passphrase(handle->cd, name, CRYPT_ANY_SLOT,
	                       (const char *)key->data, key->size, flags);
	if (r >= 0)
		return 0;
	if (r == -EINVAL && is_short)
		return sd_error_set(err, EINVAL,
		        "the key is shorter than %d bytes: it must be random bytes, not a passphrase, "
		        "unless the volume was made with --kdf argon2id",
		        SD_KEY_MIN_SIZE);
	/* -ENOENT: in the midst of a re-encryption, or there is no keyslot at all */
	if (r == -EPERM || r == -ENOENT)
		return sd_error_set(err, EPERM, "wrong key for %s", device);
	if (r == -EBUSY)
		return sd_error_set(err, EBUSY,
		        "cannot open %s: it is mounted, or something else is mapped over it (lsblk %s)",
		        device, device);
	return sd_cryptsetup_error(err, handle->lib, -r, "cannot open %s", device);
}

/* Queues cost a fast disk more than they give; a rotating one gains from the sorted writes. */
static uint32_t open_flags(bool rotational)
{
	return rotational ? 0
	                  : CRYPT_ACTIVATE_NO_READ_WORKQUEUE | CRYPT_ACTIVATE_NO_WRITE_WORKQUEUE |
	                CRYPT_ACTIVATE_ALLOW_DISCARDS;
}

/* The same; where it is a re-encryption's unfinished end that keeps the key out, that is put right first. */
static int activate_settled(struct sd_crypt_handle *handle, const char *device, const char *id,
        const struct sd_mapping *mapping, const char *name, const struct sd_key *key,
        uint32_t flags, struct sd_error *err)
{
	int r = activate(handle, device, name, key, flags, err);
	int settled;

	if (r != -EPERM ||
	        handle->lib->crypt_reencrypt_status(handle->cd, NULL) == CRYPT_REENCRYPT_NONE)
		return r;
	settled = sd_crypt_settle(handle, device, key, mapping, err);
	if (settled <= 0)
		return settled < 0 ? settled : r;
	sd_error_clear(err);
	sd_log(LOG_NOTICE, "%s: the re-encryption of volume %s had been cut off as it ended",
	        device, id);
	sd_crypt_handle_free(handle);
	r = sd_crypt_handle_load(device, id, handle, err);
	return r < 0 ? r : activate(handle, device, name, key, flags, err);
}

int sd_crypt_open(const char *device, dev_t devno, const char *id, const struct sd_key *key,
        bool rotational, struct sd_mapping *ret, bool *ret_was_open, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	char name[SD_MAPPING_NAME_SIZE];
	struct sd_mapping open;
	int found, r;

	found = sd_crypt_find(id, devno, &open, err);
	if (found < 0)
		return found;
	r = sd_crypt_handle_load(device, id, &handle, err);
	if (r < 0)
		return r;
	if (found > 0) {
		/* That it is open for somebody is no right to it: the key is asked for all the same. */
		r = activate_settled(&handle, device, id, &open, NULL, key, 0, err);
		if (r < 0)
			return r;
		*ret = open;
		*ret_was_open = true;
		return 0;
	}
	sd_id_mapping_name(id, name);
	r = activate_settled(&handle, device, id, NULL, name, key, open_flags(rotational), err);
	if (r < 0)
		return r;
	r = sd_crypt_find(id, devno, ret, err);
	if (r == 0)
		r = sd_error_set(
		        err, EIO, "%s was opened, but the mapping %s is not there", device, name);
	if (r < 0) {
		(void)sd_crypt_close(id, NULL);
		return r;
	}
	*ret_was_open = false;
	return 0;
}

int sd_crypt_check_key(
        const char *device, const char *id, const struct sd_key *key, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	int r;

	r = sd_crypt_handle_load(device, id, &handle, err);
	return r < 0 ? r : activate(&handle, device, NULL, key, 0, err);
}

/* By how much the partition is larger than what the mapping shows of it. */
static int missing_bytes(
        const char *device, const struct sd_mapping *mapping, uint64_t *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t size, shown;
	char text[32];
	int r;

	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", device);
	r = sd_device_size(fd, device, &size, err);
	if (r < 0)
		return r;
	r = sd_root_read(text, sizeof(text), "/sys/dev/block/%u:%u/size", major(mapping->devno),
	        minor(mapping->devno));
	if (r < 0)
		return sd_error_errno(err, -r, "cannot read the size of %s", mapping->node);
	shown = strtoull(text, NULL, 10) * 512 + SD_CRYPT_DATA_OFFSET;
	*ret = size > shown ? size - shown : 0;
	return 0;
}

int sd_crypt_grow(
        const char *device, const char *id, const struct sd_key *key, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	struct sd_mapping mapping;
	uint64_t missing;
	int r;

	r = sd_crypt_find(id, 0, &mapping, err);
	if (r == 0)
		return sd_error_set(err, ENODEV, "volume %s is not open", id);
	if (r > 0)
		r = missing_bytes(device, &mapping, &missing, err);
	if (r < 0 || missing < LARGEST_SECTOR)
		return r;
	if (!key)
		return sd_error_set(err, ENOKEY,
		        "volume %s can grow by %llu MiB, but its key is not at hand: it grows when it "
		        "is mounted next",
		        id, (unsigned long long)(missing >> 20));
	r = sd_crypt_handle_load(device, id, &handle, err);
	if (r < 0)
		return r;
	if (handle.lib->crypt_reencrypt_status(handle.cd, NULL) != CRYPT_REENCRYPT_NONE) {
		sd_log(LOG_NOTICE,
		        "volume %s is being re-encrypted: it grows when that is done and it is opened anew",
		        id);
		return 0;
	}
	r = handle.lib->crypt_resize(handle.cd, mapping.name, 0);
	if (r == -EPERM) { /* the volume key is in the kernel's keyring: put it there again first */
		r = activate(&handle, device, NULL, key, CRYPT_ACTIVATE_KEYRING_KEY, err);
		if (r < 0)
			return r;
		r = handle.lib->crypt_resize(handle.cd, mapping.name, 0);
	}
	return r < 0
	        ? sd_cryptsetup_error(err, handle.lib, -r, "cannot grow the mapping of %s", device)
	        : 0;
}
