/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verbs.h"

#include <errno.h>

/*
 * All five capabilities are said: kubelet takes an omitted one as true, but supportsMetrics as false
 * (flexvolume/driver-call.go, defaultCapabilities).
 */
SD_VERB(verb_init)
{
	sd_json *capabilities = sd_json_object();
	int r = 0;

	r |= sd_json_set_bool(capabilities, "attach", call->config.attach);
	r |= sd_json_set_bool(capabilities, "selinuxRelabel", true);
	r |= sd_json_set_bool(capabilities, "supportsMetrics", true);
	r |= sd_json_set_bool(capabilities, "fsGroup", true);
	r |= sd_json_set_bool(capabilities, "requiresFSResize", true);
	r |= sd_json_set(answer->json, "capabilities", capabilities);
	return r < 0 ? sd_error_set(err, ENOMEM, "out of memory") : 0;
}
