/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One error, made where the fault is seen, wrapped on the way up, reported once (in main).
 *
 * Every function that can fail returns 0 or a negative errno and takes a struct sd_error last. The
 * errno is for the program to decide by; the text is for an operator and says what to do next.
 */

#include <stdbool.h>

struct sd_error {
	int code; /* a positive errno, 0: no error */
	char text[1000];
};

#define SD_ERROR_INIT \
	{             \
		0, "" \
	}

/*
 * Notes an error. code is a positive errno; the text replaces any older one. err may be NULL (the
 * caller decides by the code alone). Returns -code, for "return sd_error_set(err, ENOENT, ...)".
 */
int sd_error_set(struct sd_error *err, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * As sd_error_set(), with ": <strerror(code)>" behind the text.
 */
int sd_error_errno(struct sd_error *err, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Puts "text: " before the text of an error that is set; the code stays. Returns -err->code.
 */
int sd_error_wrap(struct sd_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the error: for a caller that went another way. */
void sd_error_clear(struct sd_error *err);
