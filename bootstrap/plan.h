/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A plan: what is to be done to which disks of which node, as a JSON file that a person reads before it
 * is applied. It can never say more than a command line could: each disk is checked again as if it
 * had been named by hand, and must be the one that was planned. No key is in it, only its name.
 */

#include "content.h"
#include "document.h"
#include "error.h"
#include "fingerprint.h"
#include "json.h"
#include "key_reference.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define PLAN_VERSION 1

enum plan_action {
	PLAN_PREPARE,
};

struct plan_disk {
	enum plan_action action;
	char name[32]; /* the kernel's, when it was planned: for people, it proves nothing */
	struct fingerprint seen;
	bool was_preparing; /* it was no blank disk, but half-prepared */
	char pool[64];      /* "": none, the command line said what is made */
	char filesystem[16];
	bool luks;
	enum sd_kdf kdf;
	char key[KEY_REFERENCE_SIZE]; /* "": plain, or the key is a file, below */
	char key_file[PATH_MAX];
};

/* Which node: both must be the same when it is applied. */
struct plan_node {
	char machine_id[64]; /* "": it has none */
	char host_name[65];
};

struct plan {
	struct plan_node node;
	char created[32]; /* RFC 3339 */
	struct plan_disk *disks;
	size_t n_disks;
	sd_json *left; /* the disks that are left alone, and why: for people alone. May be NULL */
};

/* Notes this node and this moment. Free with plan_free(). */
int plan_begin(struct plan *ret, struct sd_error *err);
void plan_free(struct plan *plan);
#define _cleanup_plan_ __attribute__((cleanup(plan_free)))

/* Adds a disk; a copy is kept. */
int plan_add(struct plan *plan, const struct plan_disk *disk, struct sd_error *err);

/* The plan as JSON. *ret is the caller's. */
int plan_to_json(const struct plan *plan, sd_json **ret, struct sd_error *err);

/*
 * Reads a plan file and checks all of it: -EINVAL (err names file, line and key) if it is damaged, of
 * another version, or says what no plan can say; -EPERM as document_read().
 */
int plan_read(const char *path, struct plan *ret, struct sd_error *err);
/* The same of a text; name is for error texts. */
int plan_parse(
        const char *name, const char *text, size_t len, struct plan *ret, struct sd_error *err);

/* -EPERM: the plan was made on another node. */
int plan_check_node(const struct plan *plan, struct sd_error *err);
