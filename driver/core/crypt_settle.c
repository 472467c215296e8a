/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * When all data are re-encrypted, libcryptsetup (2.6, reencrypt_teardown_ok()) overwrites the old keyslots
 * and then its own, forty times each on a partition, and only after that it writes a header that does not
 * ask for the old volume key any more. Cut off in between, it opens the volume for no key at all, although
 * the new keyslot and the data are whole. Cut off right before, it does worse: it takes a header with one
 * segment for one that nothing was done of (_offset_forward()), and begins anew with what is encrypted with
 * the new key already. So it never goes on from there: here the header is written that was to follow.
 */

#include "cleanup.h"
#include "crypt_private.h"
#include "crypt_settle.h"
#include "lock.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define COPY_SIZE ((size_t)16 << 10) /* as sd_crypt_format() lays it out */
#define BINARY_SIZE ((size_t)4096)   /* of that; behind it is the JSON */
#define CHECKSUM_SIZE ((size_t)64)

/* struct luks2_hdr_disk, as "LUKS2 On-Disk Format Specification" has it: big-endian. */
struct binary {
	unsigned char magic[6];
	uint16_t version;
	uint64_t size;
	uint64_t sequence;
	char label[48];
	char checksum_algorithm[32];
	unsigned char salt[64];
	char uuid[40];
	char subsystem[48];
	uint64_t offset;
	unsigned char padding[184];
	unsigned char checksum[CHECKSUM_SIZE];
};

/* A keyslot of the volume key that all data are under. Returns 1: the key opens one. */
static int key_opens(const struct sd_settle *settle, const struct sd_crypt_handle *handle,
        const struct sd_key *key, struct sd_error *err)
{
	_cleanup_key_ struct sd_key volume_key = SD_KEY_INIT;
	int size = handle->lib->crypt_get_volume_key_size(handle->cd);
	int r;

	r = size > 0 ? sd_key_alloc((size_t)size, &volume_key, err) : -EINVAL;
	if (r < 0)
		return r;
	for (size_t i = 0; i < sd_json_size(settle->keyslots); i++) {
		const char *number = sd_json_as_string(sd_json_at(settle->keyslots, i));
		size_t length = volume_key.size;

		if (number &&
		        handle->lib->crypt_volume_key_get(handle->cd, atoi(number),
		                (char *)volume_key.data, &length, (const char *)key->data,
		                key->size) >= 0)
			return 1;
	}
	return 0;
}

/* Puts the new JSON into a copy of the header, with the next sequence number and its checksum. */
static int renew(unsigned char *copy, const char *text, struct sd_error *err)
{
	struct binary *binary = (struct binary *)copy;

	memset(copy + BINARY_SIZE, 0, COPY_SIZE - BINARY_SIZE);
	memcpy(copy + BINARY_SIZE, text, strlen(text));
	binary->sequence = htobe64(be64toh(binary->sequence) + 1);
	memset(binary->checksum, 0, sizeof(binary->checksum));
	return sd_key_sha256(copy, COPY_SIZE, binary->checksum, err);
}

/* The second copy first: one of the two is always whole. */
static int write_copies(const struct sd_settle *settle, const sd_json *then, int fd,
        unsigned char *copies, struct sd_error *err)
{
	_cleanup_free_ char *text = sd_json_line(then);
	int r = 0;

	if (!text || strlen(text) >= COPY_SIZE - BINARY_SIZE)
		return sd_error_set(err, ENOMEM, "out of memory");
	for (int i = 1; r == 0 && i >= 0; i--) {
		unsigned char *copy = copies + (size_t)i * COPY_SIZE;

		r = renew(copy, text, err);
		if (r < 0)
			return r;
		if (pwrite(fd, copy, COPY_SIZE, (off_t)((size_t)i * COPY_SIZE)) !=
		                (ssize_t)COPY_SIZE ||
		        fdatasync(fd) < 0)
			r = sd_error_errno(err, errno ? errno : EIO,
			        "cannot write the LUKS2 header on %s", settle->device);
	}
	return r;
}

struct wipe {
	const struct sd_settle *settle;
	int fd;
};

/* Of a keyslot that is none any more the volume key shall not be had again. */
static int wipe_keyslot(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	const sd_json *area = sd_json_get(value, "area");
	const char *type = sd_json_as_string(sd_json_get(value, "type"));
	const char *offset = sd_json_as_string(sd_json_get(area, "offset"));
	const char *size = sd_json_as_string(sd_json_get(area, "size"));
	struct wipe *wipe = data;

	if (sd_settle_has(wipe->settle->keyslots, key) || !type || strcmp(type, "luks2") != 0 ||
	        !offset || !size)
		return 0;
	return sd_crypt_overwrite(wipe->fd, wipe->settle->device, strtoull(offset, NULL, 10),
	        strtoull(size, NULL, 10), err);
}

/* Both copies must be such as this file knows them; the library has read them, and found them sound. */
static bool are_known(const unsigned char *copies)
{
	const struct binary *first = (const struct binary *)copies;
	const struct binary *second = (const struct binary *)(copies + COPY_SIZE);

	return be64toh(first->size) == COPY_SIZE && be64toh(second->size) == COPY_SIZE &&
	        be64toh(first->offset) == 0 && be64toh(second->offset) == COPY_SIZE &&
	        first->sequence == second->sequence &&
	        strncmp(first->checksum_algorithm, "sha256", sizeof(first->checksum_algorithm)) ==
	        0 &&
	        strncmp(second->checksum_algorithm, "sha256", sizeof(second->checksum_algorithm)) ==
	        0 &&
	        copies[COPY_SIZE - 1] == '\0' &&
	        memcmp(copies + BINARY_SIZE, copies + COPY_SIZE + BINARY_SIZE,
	                COPY_SIZE - BINARY_SIZE) == 0;
}

/* Whoever re-encrypts the volume holds its mapping's lock: then this is only its last step. */
static int check_is_left(const struct sd_mapping *mapping, struct sd_error *err)
{
	_cleanup_close_ int fd = mapping ? open(mapping->node, O_RDONLY | O_CLOEXEC) : -1;

	if (!mapping)
		return 0;
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", mapping->node);
	return sd_lock_disk(fd, LOCK_EX, mapping->node, 0, err) < 0
	        ? sd_error_set(err, EBUSY,
	                  "the re-encryption of the volume is about to end, and nothing can be "
	                  "opened until then; try again")
	        : 0;
}

int sd_crypt_settle(const struct sd_crypt_handle *handle, const char *device,
        const struct sd_key *key, const struct sd_mapping *mapping, struct sd_error *err)
{
	_cleanup_close_ int fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	_cleanup_free_ unsigned char *copies = aligned_alloc(BINARY_SIZE, 2 * COPY_SIZE);
	_cleanup_json_ sd_json *now = NULL, *then = NULL;
	struct sd_settle settle = { .device = device };
	struct wipe wipe = { &settle, fd };
	const char *text;
	int r;

	if (!copies)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (fd < 0 || pread(fd, copies, 2 * COPY_SIZE, 0) != (ssize_t)(2 * COPY_SIZE))
		return sd_error_errno(err, errno ? errno : EIO, "cannot read %s", device);
	text = (const char *)copies + BINARY_SIZE;
	if (!are_known(copies) || sd_json_parse(text, strlen(text), &now, NULL) < 0) {
		/* Whoever re-encrypts the volume may be writing it just now; then the key is wrong. */
		if (check_is_left(mapping, NULL) == -EBUSY)
			return 0;
		return sd_error_set(err, EINVAL,
		        "the LUKS2 header on %s is not as solodisk makes it, so its re-encryption "
		        "cannot go on",
		        device);
	}
	settle.now = now;
	if (!sd_settle_is_at_end(&settle))
		return 0;
	r = check_is_left(mapping, err);
	if (r == 0)
		r = key_opens(&settle, handle, key, err);
	if (r <= 0)
		return r;
	r = sd_settle_make(&settle, &then, err);
	if (r == 0)
		r = write_copies(&settle, then, fd, copies, err);
	if (r == 0)
		r = sd_json_each(sd_json_get(now, "keyslots"), wipe_keyslot, &wipe, err);
	return r < 0 ? r : 1;
}
