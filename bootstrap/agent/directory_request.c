/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directory_request.h"

sd_json *request_metadata(const char *version)
{
	sd_json *body = sd_json_object(), *metadata = sd_json_object();

	if (!body || !metadata || sd_json_set_string(metadata, "resourceVersion", version) < 0 ||
	        sd_json_set(metadata, "labels", sd_json_object()) < 0 ||
	        sd_json_set(metadata, "annotations", sd_json_object()) < 0 ||
	        sd_json_set(body, "metadata", sd_json_again(metadata)) < 0) {
		sd_json_free(body);
		body = NULL;
	}
	sd_json_free(metadata);
	return body;
}

void request_set(sd_json *body, const char *kind, const char *key, const char *value)
{
	sd_json *object = sd_json_get(sd_json_get(body, "metadata"), kind);

	if (object)
		(void)sd_json_set_string(object, key, value);
}
