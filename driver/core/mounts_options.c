/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "mounts_library.h"
#include "mounts_private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/*
 * Whoever writes a pod or a PV writes these, and mount runs as root: only what concerns the tenant's
 * own filesystem passes. Not here on purpose: ro (read-only is the bind's), remount, bind, loop,
 * logdev= and rtdev= (other devices), nouuid and norecovery (a copy or a damaged filesystem),
 * errors=panic (stops the node), data=writeback (shows old blocks after a crash), nobarrier.
 */

enum value_kind {
	NO_VALUE,
	NUMBER,            /* digits */
	SIZE,              /* digits and k, m or g */
	ONE_OF,            /* words, separated by '|' */
	NOTHING_OR_ONE_OF, /* the option alone or with a value */
};

struct option {
	const char *types; /* "xfs", "ext4", or "*" */
	const char *name;
	enum value_kind kind;
	const char *words;
};

static const struct option allowed[] = {
	{ "*", "defaults", NO_VALUE, NULL },
	{ "*", "rw", NO_VALUE, NULL },
	{ "*", "noatime", NO_VALUE, NULL },
	{ "*", "relatime", NO_VALUE, NULL },
	{ "*", "strictatime", NO_VALUE, NULL },
	{ "*", "nodiratime", NO_VALUE, NULL },
	{ "*", "lazytime", NO_VALUE, NULL },
	{ "*", "sync", NO_VALUE, NULL },
	{ "*", "dirsync", NO_VALUE, NULL },
	{ "*", "nosuid", NO_VALUE, NULL },
	{ "*", "nodev", NO_VALUE, NULL },
	{ "*", "noexec", NO_VALUE, NULL },
	{ "*", "discard", NO_VALUE, NULL },
	{ "*", "nodiscard", NO_VALUE, NULL },
	{ "*", "noquota", NO_VALUE, NULL },
	{ "*", "quota", NO_VALUE, NULL },
	{ "*", "usrquota", NO_VALUE, NULL },
	{ "*", "grpquota", NO_VALUE, NULL },
	{ "*", "prjquota", NO_VALUE, NULL },
	{ "xfs", "uquota", NO_VALUE, NULL },
	{ "xfs", "gquota", NO_VALUE, NULL },
	{ "xfs", "pquota", NO_VALUE, NULL },
	{ "xfs", "uqnoenforce", NO_VALUE, NULL },
	{ "xfs", "gqnoenforce", NO_VALUE, NULL },
	{ "xfs", "pqnoenforce", NO_VALUE, NULL },
	{ "xfs", "inode32", NO_VALUE, NULL },
	{ "xfs", "inode64", NO_VALUE, NULL },
	{ "xfs", "largeio", NO_VALUE, NULL },
	{ "xfs", "nolargeio", NO_VALUE, NULL },
	{ "xfs", "swalloc", NO_VALUE, NULL },
	{ "xfs", "filestreams", NO_VALUE, NULL },
	{ "xfs", "wsync", NO_VALUE, NULL },
	{ "xfs", "allocsize", SIZE, NULL },
	{ "xfs", "logbufs", NUMBER, NULL },
	{ "xfs", "logbsize", SIZE, NULL },
	{ "ext4", "data", ONE_OF, "ordered|journal" },
	{ "ext4", "errors", ONE_OF, "remount-ro" },
	{ "ext4", "barrier", NOTHING_OR_ONE_OF, "1" },
	{ "ext4", "commit", NUMBER, NULL },
	{ "ext4", "stripe", NUMBER, NULL },
	{ "ext4", "min_batch_time", NUMBER, NULL },
	{ "ext4", "max_batch_time", NUMBER, NULL },
	{ "ext4", "inode_readahead_blks", NUMBER, NULL },
	{ "ext4", "init_itable", NUMBER, NULL },
	{ "ext4", "noinit_itable", NO_VALUE, NULL },
	{ "ext4", "journal_checksum", NO_VALUE, NULL },
	{ "ext4", "nojournal_checksum", NO_VALUE, NULL },
	{ "ext4", "delalloc", NO_VALUE, NULL },
	{ "ext4", "nodelalloc", NO_VALUE, NULL },
	{ "ext4", "auto_da_alloc", NO_VALUE, NULL },
	{ "ext4", "dioread_nolock", NO_VALUE, NULL },
	{ "ext4", "dioread_lock", NO_VALUE, NULL },
	{ "ext4", "block_validity", NO_VALUE, NULL },
	{ "ext4", "acl", NO_VALUE, NULL },
	{ "ext4", "user_xattr", NO_VALUE, NULL },
};

static const struct option *find_option(const char *type, const char *name, size_t len)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(allowed); i++) {
		const struct option *o = &allowed[i];

		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0 &&
		        (strcmp(o->types, "*") == 0 || strcmp(o->types, type) == 0))
			return o;
	}
	return NULL;
}

static bool is_number(const char *value, size_t len, bool with_unit)
{
	size_t digits = 0;

	while (digits < len && isdigit((unsigned char)value[digits]))
		digits++;
	if (digits == 0 || digits > 9)
		return false;
	return digits == len || (with_unit && digits + 1 == len && strchr("kmgKMG", value[digits]));
}

static bool is_word_of(const char *value, size_t len, const char *words)
{
	while (*words) {
		size_t n = strcspn(words, "|");

		if (n == len && memcmp(words, value, len) == 0)
			return true;
		words += n + (words[n] == '|');
	}
	return false;
}

static bool value_fits(const struct option *option, const char *value, size_t len)
{
	switch (option->kind) {
	case NO_VALUE:
		return !value;
	case NUMBER:
	case SIZE:
		return value && is_number(value, len, option->kind == SIZE);
	case ONE_OF:
		return value && is_word_of(value, len, option->words);
	case NOTHING_OR_ONE_OF:
		return !value || is_word_of(value, len, option->words);
	}
	return false;
}

int sd_mounts_check_options(const char *type, const char *options, struct sd_error *err)
{
	_cleanup_free_ char *copy = strdup(options ? options : "");
	char *cursor = copy, *name, *value;
	size_t name_len, value_len;
	int r;

	if (!copy)
		return sd_error_set(err, ENOMEM, "no memory for the mount options");
	r = sd_libmount_load(err);
	if (r < 0)
		return r;
	while ((r = sd_libmount.mnt_optstr_next_option(
	                &cursor, &name, &name_len, &value, &value_len)) == 0) {
		const struct option *option = find_option(type, name, name_len);

		if (!option)
			return sd_error_set(err, EINVAL,
			        "the mount option \"%.*s\" is not allowed for %s", (int)name_len,
			        name, type);
		if (!value_fits(option, value, value_len))
			return sd_error_set(err, EINVAL,
			        "the mount option \"%s\" does not take the value \"%.*s\"",
			        option->name, value ? (int)value_len : 0, value ? value : "");
	}
	if (r < 0)
		return sd_error_set(
		        err, EINVAL, "the mount options \"%.200s\" cannot be parsed", copy);
	return 0;
}

int sd_mounts_split_options(const char *type, const char *options, unsigned long *ret_flags,
        char **ret_data, struct sd_error *err)
{
	_cleanup_free_ char *all = NULL, *user = NULL, *vfs = NULL, *data = NULL;
	unsigned long flags = 0;
	int r;

	r = sd_mounts_check_options(type, options, err);
	if (r < 0)
		return r;
	/* Last, so that it counts. ext4's own default comes from the superblock and may be "continue". */
	if (asprintf(&all, "%s%s%s", options ? options : "", options && options[0] ? "," : "",
	            strcmp(type, "ext4") == 0 ? "errors=remount-ro" : "defaults") < 0) {
		all = NULL;
		return sd_error_set(err, ENOMEM, "no memory for the mount options");
	}
	r = sd_libmount.mnt_split_optstr(all, &user, &vfs, &data, 0, 0);
	if (!r && vfs)
		r = sd_libmount.mnt_optstr_get_flags(
		        vfs, &flags, sd_libmount.mnt_get_builtin_optmap(MNT_LINUX_MAP));
	if (r < 0)
		return sd_error_errno(err, -r, "cannot split the mount options");
	*ret_flags = flags;
	*ret_data = sd_steal(data);
	return 0;
}
