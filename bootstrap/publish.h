/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a person says of a PersistentVolume that is printed: the options that pv and adopt share. */

#include "commands.h"
#include "pv.h"

struct publish {
	const char *node, *storage_class, *filesystem;
	const char *key;    /* as key_spec.h has it */
	const char *secret; /* NAMESPACE/NAME */
	const char *claim;  /* NAMESPACE/NAME: only this claim gets it */
};

/* clang-format off */
#define PUBLISH_OPTIONS                                        \
	{ "storage-class", required_argument, NULL, 'c' }, \
	{ "node", required_argument, NULL, 'n' },          \
	{ "claim", required_argument, NULL, 'C' },         \
	{ "secret", required_argument, NULL, 's' },        \
	{ "key", required_argument, NULL, 'k' },           \
	{ "filesystem", required_argument, NULL, 'f' }
/* clang-format on */

#define PUBLISH_HELP                                                                         \
	"  --storage-class NAME  default: solodisk\n"                                        \
	"  --node HOSTNAME       the node's kubernetes.io/hostname; default: this host's\n"  \
	"  --claim NS/NAME       only this PersistentVolumeClaim gets it\n"                  \
	"  --key secret:KEY      encrypted: the key is in a Secret, which --secret names\n"  \
	"  --secret NS/NAME      the Secret, of type solodisk/disk\n"                        \
	"  --key file:NAME       encrypted: the key is the node's /etc/solodisk/keys/NAME\n" \
	"  --key token           encrypted: a LUKS2 token of the volume gives the key\n"     \
	"  --key both:A,B        encrypted: two of these together\n"                         \
	"  --filesystem TYPE     of an encrypted volume that is closed; default: any\n"

/* Takes one option from the table above; false: it is none of them. */
bool publish_option(struct publish *publish, int c, const char *value);

/* Returns TOOL_OK, or TOOL_USAGE with err. */
int publish_check(const struct command *self, const struct publish *publish, struct sd_error *err);

/* Whether it fits the volume: a key reference for an encrypted one alone, the filesystem if known. */
int publish_check_volume(const struct publish *publish, const struct pv *pv, struct sd_error *err);

/* Prints it on stdout: what volume says of the volume, and the rest from what the person said. */
int publish_print(const struct publish *publish, const struct pv *volume, struct sd_error *err);
