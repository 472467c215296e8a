/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypt_library.h"
#include "cleanup.h"
#include "dm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sd_cryptsetup library;

/* Without a callback the library prints, and kubelet reads what is printed as the answer. */
void sd_cryptsetup_keep_message(int level, const char *message, void *data)
{
	struct sd_cryptsetup *lib = data;

	if (level != CRYPT_LOG_ERROR)
		return;
	(void)snprintf(lib->message, sizeof(lib->message), "%s", message);
	lib->message[strcspn(lib->message, "\n")] = '\0';
}

int sd_cryptsetup_load(struct sd_cryptsetup **ret, struct sd_error *err)
{
	static const char *const names[] = { CRYPT_FUNCTIONS(SD_LIBRARY_NAME) };
	int r;

	library.message[0] = '\0';
	if (library.crypt_init) {
		*ret = &library;
		return 0;
	}
	/* Read by libdevmapper when it is loaded: else it waits for udevd's answer, which never comes. */
	if (!sd_dm_has_udev() && setenv("DM_DISABLE_UDEV", "1", 1) < 0)
		return sd_error_errno(err, errno, "cannot set DM_DISABLE_UDEV");
	r = sd_library_load("libcryptsetup.so.12", names, SD_ARRAY_SIZE(names), &library, err);
	if (r < 0) {
		(void)sd_error_wrap(err, "encryption");
		return r;
	}
	library.crypt_set_log_callback(NULL, sd_cryptsetup_keep_message, &library);
	*ret = &library;
	return 0;
}

int sd_cryptsetup_error(
        struct sd_error *err, const struct sd_cryptsetup *lib, int code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return sd_error_set(
	        err, code, "%s: %s", text, lib->message[0] ? lib->message : strerror(code));
}
