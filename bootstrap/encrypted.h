/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The encrypted volume that a command about keys is given, held for it. */

#include "claim.h"
#include "commands.h"
#include "disk.h"
#include "crypt.h"
#include "error.h"
#include "keysource.h"

/*
 * Finds the one volume that a word names, takes its locks and makes sure of its partition. It may be
 * in use. -ENODEV: no such disk or volume; -EPERM: in a state in which it has no key to speak of.
 */
int encrypted_take(const char *word, const char *who, struct claim *ret, struct sd_error *err);

/* Reads a key for a claimed volume, whose tokens may be asked for it. */
int encrypted_key(struct key_source *source, const struct sd_volume *volume, struct sd_key *ret,
        struct sd_error *err);

/* The event of a command that is done with it. NULL without memory. */
sd_json *encrypted_event(const char *event, const struct sd_disk *disk, const char *id);
