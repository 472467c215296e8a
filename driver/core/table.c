/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"
#include "blockdev.h"
#include "cleanup.h"
#include "gpt.h"
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <libfdisk.h>
#include <unistd.h>

#define FIRST_USABLE (1ull << 20)

/* clang-format off */
#define LIBFDISK_FUNCTIONS(f) \
	f(fdisk_get_devfd) \
	f(fdisk_deassign_device) \
	f(fdisk_unref_context) \
	f(fdisk_unref_partition) \
	f(fdisk_unref_parttype) \
	f(fdisk_new_context) \
	f(fdisk_set_ask) \
	f(fdisk_disable_dialogs) \
	f(fdisk_save_user_sector_size) \
	f(fdisk_next_label) \
	f(fdisk_label_set_disabled) \
	f(fdisk_enable_listonly) \
	f(fdisk_assign_device_by_fd) \
	f(fdisk_get_label) \
	f(fdisk_set_first_lba) \
	f(fdisk_new_partition) \
	f(fdisk_new_parttype) \
	f(fdisk_create_disklabel) \
	f(fdisk_set_disklabel_id_from_string) \
	f(fdisk_parttype_set_typestr) \
	f(fdisk_partition_set_type) \
	f(fdisk_partition_set_partno) \
	f(fdisk_partition_set_start) \
	f(fdisk_partition_set_size) \
	f(fdisk_partition_size_explicit) \
	f(fdisk_partition_set_uuid) \
	f(fdisk_partition_set_name) \
	f(fdisk_add_partition) \
	f(fdisk_write_disklabel)
/* clang-format on */

static struct {
	LIBFDISK_FUNCTIONS(SD_LIBRARY_MEMBER)
} libfdisk;

static int load_libfdisk(struct sd_error *err)
{
	static const char *const names[] = { LIBFDISK_FUNCTIONS(SD_LIBRARY_NAME) };

	return sd_library_load("libfdisk.so.1", names, SD_ARRAY_SIZE(names), &libfdisk, err);
}

static void table_unref_context(struct fdisk_context **cxt)
{
	if (!*cxt)
		return;
	if (libfdisk.fdisk_get_devfd(*cxt) >= 0)
		(void)libfdisk.fdisk_deassign_device(
		        *cxt, 1); /* 1: no sync() of every disk in the machine */
	libfdisk.fdisk_unref_context(*cxt);
}

static void table_unref_partition(struct fdisk_partition **pa)
{
	libfdisk.fdisk_unref_partition(*pa);
}

static void table_unref_type(struct fdisk_parttype **type)
{
	libfdisk.fdisk_unref_parttype(*type);
}

/* Libraries do not talk: every message and question of libfdisk ends here. */
static int table_answer_nothing(struct fdisk_context *cxt, struct fdisk_ask *ask, void *data)
{
	(void)cxt;
	(void)ask;
	(void)data;
	return 0;
}

/*
 * A context with the device assigned and no label: what is on the disk was read and judged by our own
 * reader, so libfdisk's is kept from looking, mending and warning.
 */
static int table_context(int fd, const char *path, unsigned sector_size, struct fdisk_context **ret,
        struct sd_error *err)
{
	_cleanup_(table_unref_context) struct fdisk_context *cxt = libfdisk.fdisk_new_context();
	struct fdisk_label *label = NULL;
	int r;

	if (!cxt)
		return sd_error_errno(err, ENOMEM, "cannot write the table of %s", path);
	r = libfdisk.fdisk_set_ask(cxt, table_answer_nothing, NULL);
	if (r == 0)
		r = libfdisk.fdisk_disable_dialogs(cxt, 1);
	if (r == 0)
		r = libfdisk.fdisk_save_user_sector_size(cxt, sector_size, sector_size);
	while (r == 0 && libfdisk.fdisk_next_label(cxt, &label) == 0)
		libfdisk.fdisk_label_set_disabled(label, 1);
	/* while it opens the disk: else it reads all over it for what it would warn of, as it does later */
	if (r == 0)
		r = libfdisk.fdisk_enable_listonly(cxt, 1);
	if (r == 0)
		r = libfdisk.fdisk_assign_device_by_fd(cxt, fd, path, 0);
	if (r == 0)
		r = libfdisk.fdisk_enable_listonly(cxt, 0);
	if (r == 0) {
		label = libfdisk.fdisk_get_label(cxt, "gpt");
		r = label ? 0 : -ENOSYS;
	}
	if (r == 0) {
		libfdisk.fdisk_label_set_disabled(label, 0);
		/* not what the disk's preferred I/O size suggests, which can be above 1 MiB */
		r = libfdisk.fdisk_set_first_lba(cxt, FIRST_USABLE / sector_size);
	}
	if (r < 0)
		return sd_error_errno(err, -r, "cannot write the table of %s", path);
	*ret = sd_steal(cxt);
	return 0;
}

static int table_fill(struct fdisk_context *cxt, unsigned sector_size, const struct sd_table *table)
{
	_cleanup_(table_unref_partition) struct fdisk_partition *pa =
	        libfdisk.fdisk_new_partition();
	_cleanup_(table_unref_type) struct fdisk_parttype *type = libfdisk.fdisk_new_parttype();
	int r;

	if (!pa || !type)
		return -ENOMEM;
	r = libfdisk.fdisk_create_disklabel(cxt, "gpt");
	if (r == 0)
		r = libfdisk.fdisk_set_disklabel_id_from_string(cxt, table->disk_guid);
	if (r == 0)
		r = libfdisk.fdisk_parttype_set_typestr(type, SD_PARTITION_TYPE);
	if (r == 0)
		r = libfdisk.fdisk_partition_set_type(pa, type);
	if (r == 0)
		r = libfdisk.fdisk_partition_set_partno(pa, table->number - 1);
	if (r == 0)
		r = libfdisk.fdisk_partition_set_start(pa, table->start / sector_size);
	if (r == 0)
		r = libfdisk.fdisk_partition_set_size(pa, table->size / sector_size);
	if (r == 0)
		r = libfdisk.fdisk_partition_size_explicit(pa, 1);
	if (r == 0)
		r = libfdisk.fdisk_partition_set_uuid(pa, table->id);
	if (r == 0)
		r = libfdisk.fdisk_partition_set_name(pa, table->name);
	return r == 0 ? libfdisk.fdisk_add_partition(cxt, pa, NULL) : r;
}

int sd_table_write(int fd, const char *path, unsigned sector_size, const struct sd_table *table,
        struct sd_error *err)
{
	_cleanup_(table_unref_context) struct fdisk_context *cxt = NULL;
	int r;

	r = load_libfdisk(err);
	if (r < 0)
		return r;
	/* libfdisk writes whole structures but reads the first sector before: not a cached one */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	r = table_context(fd, path, sector_size, &cxt, err);
	if (r < 0)
		return r;
	r = table_fill(cxt, sector_size, table);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot make the table of %s", path);
	r = libfdisk.fdisk_write_disklabel(cxt);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot write the table of %s", path);
	if (fsync(fd) < 0)
		return sd_error_errno(
		        err, sd_blockdev_errno(errno), "cannot flush the table of %s", path);
	return 0;
}
