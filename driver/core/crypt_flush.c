/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Before libcryptsetup (2.6, reenc_keyslot_store()) re-encrypts a zone it writes down the checksums of what is
 * there, and then a header that says that this zone is at work; there is no flush in between. A disk that
 * loses its cache with the power may have kept the header alone. Then the checksums fit nothing, which the
 * library takes for data that are done: the zone is lost. It tells of each header that it is about to
 * write, though, in its debug messages, and what was written before is flushed there.
 */

#include "crypt_private.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BEFORE "Trying to write LUKS2 header"

static void on_message(int level, const char *message, void *data)
{
	struct sd_crypt_handle *handle = data;

	sd_cryptsetup_keep_message(level, message, handle->lib);
	if (level != CRYPT_LOG_DEBUG || strncmp(message, BEFORE, strlen(BEFORE)) != 0)
		return;
	if (fdatasync(handle->flush_fd) < 0 && !handle->flush_failed) {
		handle->flush_failed = true;
		sd_log(LOG_ERR, "cannot flush a volume that is re-encrypted: %s", strerror(errno));
	}
}

int sd_crypt_flush_before_headers(
        struct sd_crypt_handle *handle, const char *device, struct sd_error *err)
{
	if (handle->flushes)
		return 0;
	handle->flush_fd = open(device, O_RDONLY | O_CLOEXEC);
	if (handle->flush_fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", device);
	handle->flushes = true;
	handle->lib->crypt_set_log_callback(handle->cd, on_message, handle);
	handle->lib->crypt_set_debug_level(CRYPT_DEBUG_ALL);
	return 0;
}
