/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "key_reference.h"
#include "key_spec.h"

#include <errno.h>

int key_reference_parse(const char *text, struct key_reference *ret)
{
	_cleanup_key_spec_ struct sd_key_spec spec = { 0 };

	if (sd_key_spec_parse(text, &spec, NULL) < 0 || sd_key_spec_has(&spec, SD_KEY_TOKEN))
		return -EINVAL;
	ret->in_secret = sd_key_spec_has(&spec, SD_KEY_SECRET);
	return 0;
}
