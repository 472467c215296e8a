/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* libmount, loaded when it is first needed. Nobody but the files of the mounts module includes this. */

#include "library.h"

#include <libmount.h>

/* clang-format off */
#define LIBMOUNT_FUNCTIONS(f) \
	f(mnt_new_table) \
	f(mnt_unref_table) \
	f(mnt_table_set_parser_errcb) \
	f(mnt_table_parse_file) \
	f(mnt_table_is_empty) \
	f(mnt_table_next_fs) \
	f(mnt_new_iter) \
	f(mnt_free_iter) \
	f(mnt_fs_get_devno) \
	f(mnt_fs_get_id) \
	f(mnt_fs_get_propagation) \
	f(mnt_fs_get_root) \
	f(mnt_fs_get_target) \
	f(mnt_fs_get_vfs_options) \
	f(mnt_optstr_get_option) \
	f(mnt_optstr_next_option) \
	f(mnt_split_optstr) \
	f(mnt_optstr_get_flags) \
	f(mnt_get_builtin_optmap)
/* clang-format on */

struct sd_libmount {
	LIBMOUNT_FUNCTIONS(SD_LIBRARY_MEMBER)
};

/* Its functions, once sd_libmount_load() has returned 0. -ELIBACC: it is not installed. */
extern struct sd_libmount sd_libmount;
int sd_libmount_load(struct sd_error *err);
