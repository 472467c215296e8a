/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api_private.h"
#include "cleanup.h"

#include <errno.h>
#include <string.h>

/* What a status of HTTP means for who asked; reason: the Status object's, or "". */
static int meaning(int code, const char *reason)
{
	switch (code) {
	case 401:
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 409:
		return strcmp(reason, "AlreadyExists") == 0 ? EEXIST : ESTALE;
	case 429:
		return EAGAIN;
	default:
		return code >= 500 ? EAGAIN : EINVAL;
	}
}

int api_status_error(int code, const sd_json *status, struct sd_error *err)
{
	const char *message = sd_json_as_string(sd_json_get(status, "message"));
	const char *reason = sd_json_as_string(sd_json_get(status, "reason"));

	return sd_error_set(err, meaning(code, reason ? reason : ""),
	        "the API server says: %s (%d)",
	        message && *message ? message
	                : reason    ? reason
	                            : "no reason",
	        code);
}

int api_result_read(const struct http_result *result, sd_json **ret_body, struct sd_error *err)
{
	_cleanup_json_ sd_json *body = NULL;
	struct sd_error fault = SD_ERROR_INIT;

	*ret_body = NULL;
	if (result->status == 0)
		return sd_error_set(
		        err, EAGAIN, "the API server did not answer: %s", result->err.text);
	if (result->len > 0 && sd_json_parse(result->body, result->len, &body, &fault) < 0 &&
	        result->status < 300)
		return sd_error_set(
		        err, EAGAIN, "the API server's answer cannot be read: %s", fault.text);
	if (result->status >= 200 && result->status < 300) {
		*ret_body = sd_steal(body);
		return 0;
	}
	(void)api_status_error(result->status, body, err);
	*ret_body = sd_steal(body);
	return -err->code;
}
