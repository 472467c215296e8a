/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What static analysis cannot see across files: a function that notes an error returns less than 0.
 * Without it, every caller seems to go on with results that were never filled. tests/lint includes this
 * before every file but the one that defines these functions.
 */

#include "error.h"

#ifdef __clang__
int sd_model_any(void);

static inline int sd_model_negative(void)
{
	int r = sd_model_any();

	if (r >= 0)
		__builtin_unreachable();
	return r;
}
#else
/* gcc takes a path that ends in __builtin_unreachable() for a leak of everything on it. */
#define sd_model_negative() (-5)
#endif

#define sd_error_set(...) (sd_error_set(__VA_ARGS__), sd_model_negative())
#define sd_error_errno(...) (sd_error_errno(__VA_ARGS__), sd_model_negative())
#define sd_error_wrap(...) (sd_error_wrap(__VA_ARGS__), sd_model_negative())
