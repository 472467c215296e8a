/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sd_error_set(struct sd_error *err, int code, const char *fmt, ...)
{
	if (err) {
		char text[sizeof(err->text)]; /* the arguments may point into err->text */
		va_list ap;

		va_start(ap, fmt);
		(void)vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		memcpy(err->text, text, sizeof(text));
		err->code = code;
	}
	return -code;
}

int sd_error_errno(struct sd_error *err, int code, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return sd_error_set(err, code, "%s: %s", text, strerror(code));
}

int sd_error_wrap(struct sd_error *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return sd_error_set(err, err->code, "%s: %s", text, err->text);
}

void sd_error_clear(struct sd_error *err)
{
	if (err) {
		err->code = 0;
		err->text[0] = '\0';
	}
}
