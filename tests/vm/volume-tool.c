/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For guest tests alone: calls the disk side of the core, one function a run. Prints what came out; an
 * error as "EBUSY: text" on stderr, with exit status 1.
 */

#include "cleanup.h"
#include "disk.h"
#include "lock.h"
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>

#define TIMEOUT_MS 3000

static void print_mark(const struct sd_mark *mark)
{
	printf("%s %s %u %" PRIu64 " %" PRIu64 "%s%s\n", mark->id, sd_state_name(mark->state),
	        mark->number, mark->start, mark->size, mark->needs_repair ? " damaged" : "",
	        mark->disk_grew ? " grew" : "");
}

/* name, transport, size, sector size, WWID, flags of every disk */
static int run_list(char **a, struct sd_error *err)
{
	_cleanup_disks_ struct sd_disks disks = { NULL, 0 };
	int r = sd_disks_read(&disks, err);

	(void)a;
	for (size_t i = 0; i < disks.n; i++) {
		const struct sd_disk *d = &disks.disk[i];

		printf("%s %s %" PRIu64 " %u %s%s%s%s\n", d->name, d->transport, d->size,
		        d->sector_size, d->wwid[0] ? d->wwid : "-",
		        d->wwid_repeated ? " repeated" : "", d->read_only ? " read-only" : "",
		        d->hidden ? " hidden" : "");
	}
	return r;
}

static int run_resolve(char **a, struct sd_error *err)
{
	struct sd_disk disk;
	int r = sd_disk_resolve(a[0], &disk, err);

	if (r == 0)
		puts(disk.name);
	return r;
}

static int open_disk(
        const char *what, int flags, struct sd_disk *ret, int *ret_fd, struct sd_error *err)
{
	int r = sd_disk_resolve(what, ret, err);

	return r == 0 ? sd_disk_open(ret, flags, ret_fd, err) : r;
}

/* Without any lock, as "solodisk list" does. */
static int run_mark(char **a, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_disk disk;
	struct sd_mark mark;
	int r = open_disk(a[0], O_RDONLY, &disk, &fd, err);

	if (r == 0)
		r = sd_volume_read_mark(fd, &disk, &mark, err);
	if (r == 0)
		print_mark(&mark);
	return r;
}

static int with_locked(const char *what,
        int (*check)(const struct sd_disk *, int, struct sd_error *), struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct sd_disk disk;
	int r = open_disk(what, O_RDONLY, &disk, &fd, err);

	if (r == 0)
		r = sd_lock_disk(fd, LOCK_EX, disk.node, TIMEOUT_MS, err);
	return r == 0 ? check(&disk, fd, err) : r;
}

static int run_free(char **a, struct sd_error *err)
{
	return with_locked(a[0], sd_disk_check_free, err);
}

static int run_idle(char **a, struct sd_error *err)
{
	return with_locked(a[0], sd_disk_check_idle, err);
}

static void print_volume(const struct sd_volume *volume)
{
	printf("%s %s %u:%u %s ", volume->disk.name, volume->node, major(volume->devno),
	        minor(volume->devno), volume->lock == LOCK_EX ? "exclusive" : "shared");
	print_mark(&volume->mark);
}

/* DISK ID: what prepare does before it formats, but without the check */
static int run_create(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	_cleanup_close_ int fd = -1;
	struct sd_disk disk;
	int r = open_disk(a[0], O_RDWR, &disk, &fd, err);

	if (r == 0)
		r = sd_lock_disk(fd, LOCK_EX, disk.node, TIMEOUT_MS, err);
	if (r == 0)
		r = sd_volume_create(fd, &disk, a[1], &volume, err);
	if (r == 0)
		print_volume(&volume);
	return r;
}

/* ID WWID|none: as mount does */
static int run_find(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = sd_volume_find(
	        a[0], strcmp(a[1], "none") != 0 ? a[1] : NULL, LOCK_SH, TIMEOUT_MS, &volume, err);

	if (r == 0)
		r = sd_volume_partition(&volume, err);
	if (r == 0)
		print_volume(&volume);
	return r;
}

static int open_exclusive(const char *what, struct sd_volume *ret, struct sd_error *err)
{
	struct sd_disk disk;
	int r = sd_disk_resolve(what, &disk, err);

	return r == 0 ? sd_volume_open(&disk, LOCK_EX, TIMEOUT_MS, ret, err) : r;
}

static int run_repair(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_exclusive(a[0], &volume, err);

	if (r == 0)
		print_mark(&volume.mark);
	return r;
}

/* DISK STATE */
static int run_state(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_exclusive(a[0], &volume, err);
	int state = SD_STATE_PREPARING;

	while (state < SD_STATE_FAILED && strcmp(a[1], sd_state_name((enum sd_state)state)) != 0)
		state++;
	return r == 0 ? sd_volume_set_state(&volume, (enum sd_state)state, err) : r;
}

/* DISK NEW-ID */
static int run_renew(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_exclusive(a[0], &volume, err);

	return r == 0 ? sd_volume_renew(&volume, a[1], err) : r;
}

static int run_grow(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_exclusive(a[0], &volume, err);

	if (r == 0)
		r = sd_volume_grow(&volume, err);
	if (r == 0)
		print_volume(&volume);
	return r;
}

static int run_remove(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_exclusive(a[0], &volume, err);

	return r == 0 ? sd_volume_remove(&volume, err) : r;
}

/* DISK: opens it shared, then wants it exclusively, as the first mount of a ready volume does */
static int run_upgrade(char **a, struct sd_error *err)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_disk disk;
	int r = sd_disk_resolve(a[0], &disk, err);

	if (r == 0)
		r = sd_volume_open(&disk, LOCK_SH, TIMEOUT_MS, &volume, err);
	if (r == 0)
		r = sd_volume_lock_exclusive(&volume, 300, err);
	if (r == 0)
		print_volume(&volume);
	return r;
}

static const struct {
	const char *name;
	int n;
	int (*run)(char **arguments, struct sd_error *err);
} commands[] = {
	{ "list", 0, run_list },
	{ "resolve", 1, run_resolve },
	{ "mark", 1, run_mark },
	{ "free", 1, run_free },
	{ "idle", 1, run_idle },
	{ "create", 2, run_create },
	{ "find", 2, run_find },
	{ "repair", 1, run_repair },
	{ "state", 2, run_state },
	{ "renew", 2, run_renew },
	{ "grow", 1, run_grow },
	{ "remove", 1, run_remove },
	{ "upgrade", 1, run_upgrade },
};

int main(int argc, char **argv)
{
	struct sd_error err = SD_ERROR_INIT;
	int r;

	for (size_t i = 0; argc > 1 && i < SD_ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 != commands[i].n)
			continue;
		r = commands[i].run(argv + 2, &err);
		if (r == 0)
			return 0;
		(void)fprintf(stderr, "%s: %s\n", strerrorname_np(-r), err.text);
		/* 3: an error without a text, or with another's */
		return r == -err.code && err.text[0] ? 1 : 3;
	}
	(void)fprintf(stderr, "volume-tool: which command, with which arguments?\n");
	return 2;
}
