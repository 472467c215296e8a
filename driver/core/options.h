/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The JSON options of one call (docs/protocol.md, "Options"): ours, kubelet's (kubernetes.io/...) and
 * the Secret's values. Whoever writes a pod writes these; nothing in them is trusted.
 */

#include "error.h"
#include "id.h"
#include "key_spec.h"

#include <stdbool.h>
#include <stddef.h>

struct sd_secret {
	char *name; /* without kubernetes.io/secret/ */
	struct sd_key value;
};

struct sd_options {
	char volume_id[SD_ID_SIZE]; /* "" when only device is given */
	char *device;               /* a path; by hand only */
	char *wwid;                 /* NULL: not demanded */
	bool luks;                  /* encryption: luks2 */
	struct sd_key_spec key;
	char *key_text;      /* as it was given, for the log */
	char *mount_options; /* NULL: none */
	char *fs_type;       /* NULL: any */
	bool read_only;      /* of the bind */
	char *pv_name;       /* kubernetes.io/pvOrVolumeName; NULL: called by hand */
	struct sd_secret *secrets;
	size_t n_secrets;
};

/*
 * Parses and checks them. -EINVAL, err naming the key (never a value that may be a secret): not an
 * object, an unknown key of ours, a key of the wrong type, a malformed ID, name or path, a key option
 * without encryption. Either volumeID or device must be there. Free with sd_options_free().
 */
int sd_options_parse(const char *json, size_t len, struct sd_options *ret, struct sd_error *err);
void sd_options_free(struct sd_options *options);
#define _cleanup_options_ __attribute__((cleanup(sd_options_free)))

/* A value of the call's Secret. -ENOKEY: not there (err says where it should be). *ret is the caller's. */
int sd_options_secret(const struct sd_options *options, const char *name, struct sd_key *ret,
        struct sd_error *err);
