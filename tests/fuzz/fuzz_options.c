/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kubelet hands over, of which a pod's author writes a part. */
#include "json.h"
#include "options.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sd_options options;
	struct sd_error err = SD_ERROR_INIT;
	struct sd_key key;

	sd_json_init();
	if (sd_options_parse((const char *)data, size, &options, &err) < 0)
		return 0;
	if (options.key.n && options.key.part[0].name &&
	        sd_options_secret(&options, options.key.part[0].name, &key, &err) == 0)
		sd_key_free(&key);
	sd_options_free(&options);
	return 0;
}
