/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A power cut at every write of a volume's table. The image is a file in memory; what is written to it
 * is recorded, by the core and by libfdisk alike, and put back in part: up to each write, with the
 * sectors of one write in each combination, and with the writes since the last flush in each. On every
 * such image the table says a state from before or after, or nothing of ours is there and the disk is
 * blank; and the same command finishes.
 */

#include "cleanup.h"
#include "image.h"
#include "blockdev.h"
#include "mark.h"
#include "remains.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SIZE (64 * MIB)
#define GROWN (70 * MIB)
#define ID "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define OTHER_ID "9a8b7c6d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
#define MAX_REQUESTS 64
#define MAX_SECTORS 6 /* of one write that differ, and of writes without a flush between them */

static struct image image;
static struct sd_error err;
static unsigned sector; /* bytes: each test runs with both sizes */

/* The record. epoch counts the flushes before a request. */
static struct request {
	uint64_t at;
	size_t len;
	unsigned char *data;
	unsigned epoch;
} requests[MAX_REQUESTS];
static unsigned n_requests, epoch;
static bool recording;

/* Where tables lie, as it was before the command: the disk's ends, and the end of it before it grew. */
static struct region {
	uint64_t at;
	unsigned char *bytes;
} regions[3];

static bool is_image(int fd)
{
	struct stat a, b;

	return recording && fstat(fd, &a) == 0 && fstat(image.fd, &b) == 0 &&
	        a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static void record(int fd, const void *bytes, size_t len, uint64_t at)
{
	struct request *request = &requests[n_requests];

	if (!is_image(fd))
		return;
	assert_true(n_requests < MAX_REQUESTS);
	assert_true(len % sector == 0 && at % sector == 0);
	*request = (struct request){ .at = at, .len = len, .epoch = epoch };
	request->data = malloc(len);
	assert_non_null(request->data);
	memcpy(request->data, bytes, len);
	n_requests++;
}

/* In place of the C library's, for libfdisk too. */
ssize_t write(int fd, const void *bytes, size_t len);
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at);
int fsync(int fd);

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (is_image(fd))
		record(fd, bytes, len, (uint64_t)lseek(fd, 0, SEEK_CUR));
	return syscall(SYS_write, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	record(fd, bytes, len, (uint64_t)at);
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

int fsync(int fd)
{
	epoch += is_image(fd);
	return 0;
}

static void forget_record(void)
{
	for (unsigned i = 0; i < n_requests; i++)
		free(requests[i].data);
	n_requests = epoch = 0;
	for (size_t i = 0; i < SD_ARRAY_SIZE(regions); i++) {
		free(regions[i].bytes);
		regions[i].bytes = NULL;
	}
}

static void begin_record(void)
{
	const uint64_t places[] = { 0, image.disk.size - MIB, SIZE - MIB };

	for (size_t i = 0; i < SD_ARRAY_SIZE(regions); i++) {
		regions[i].at = places[i];
		regions[i].bytes = malloc(MIB);
		assert_non_null(regions[i].bytes);
		image_read(&image, places[i], regions[i].bytes, MIB);
	}
	recording = true;
}

static void put_back(void)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(regions); i++)
		image_write(&image, regions[i].at, regions[i].bytes, MIB);
}

static void put_request(unsigned i)
{
	image_write(&image, requests[i].at, requests[i].data, requests[i].len);
}

/* The commands: each as the tool or the driver would give it, once more on whatever it finds. */

static int open_volume(struct sd_volume *ret)
{
	*ret = (struct sd_volume){ .disk = image.disk, .lock = LOCK_EX };
	ret->disk_fd = fcntl(image.fd, F_DUPFD_CLOEXEC, 3);
	assert_true(ret->disk_fd >= 0);
	sd_error_clear(&err);
	return sd_volume_read_mark(image.fd, &image.disk, &ret->mark, &err);
}

static bool ends_are_zero(void)
{
	return sd_blockdev_is_zero(image.fd, 0, MIB, NULL, &err) == 1 &&
	        sd_blockdev_is_zero(image.fd, image.disk.size - MIB, MIB, NULL, &err) == 1;
}

/* As sd_disk_check_free() has it. */
static bool is_blank(void)
{
	char id[SD_ID_SIZE];

	return ends_are_zero() || sd_remains_find(image.fd, &image.disk, id, &err) == 1;
}

static int make(void)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	_cleanup_volume_ struct sd_volume made = SD_VOLUME_INIT;
	int r = open_volume(&volume);

	if (r == 0)
		return sd_volume_renew(&volume, OTHER_ID, &err);
	if (r != -ENOENT || !is_blank())
		return r;
	return sd_volume_create(image.fd, &image.disk, ID, &made, &err);
}

static int renew(void)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_volume(&volume);

	return r < 0 ? r : sd_volume_renew(&volume, OTHER_ID, &err);
}

static int change(enum sd_state state)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_volume(&volume);

	return r < 0 ? r : sd_volume_set_state(&volume, state, &err);
}

static int use(void)
{
	return change(SD_STATE_USED);
}

static int erase(void)
{
	return change(SD_STATE_ERASING);
}

static int fail_it(void)
{
	return change(SD_STATE_FAILED);
}

static int grow(void)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	int r = open_volume(&volume);

	return r < 0 ? r : sd_volume_grow(&volume, &err);
}

static int give_back(void)
{
	_cleanup_volume_ struct sd_volume volume = SD_VOLUME_INIT;
	char id[SD_ID_SIZE];
	int r = open_volume(&volume);

	if (r == 0)
		return sd_volume_remove(&volume, &err);
	if (r != -ENOENT || !is_blank())
		return r;
	if (ends_are_zero())
		return 0;
	return sd_volume_clear_remains(image.fd, &image.disk, id, &err);
}

/* What is tried. */
#define NONE 99
#define BIT(state) (1u << SD_STATE_##state)
enum { BLANK_BEFORE = 1, GROWN_BEFORE = 2, MAY_BE_BLANK = 4 };

static const struct scenario {
	const char *name;
	int (*command)(void);
	enum sd_state from;
	unsigned flags;
	int damaged; /* a sector that is lost before: 0 the MBR ...; from the end if negative; or NONE */
	unsigned states; /* that a power cut may leave, a bit each */
	int becomes;     /* the state, or -1: blank */
} scenarios[] = {
	{ "prepare", make, 0, BLANK_BEFORE | MAY_BE_BLANK, NONE, BIT(PREPARING),
	        SD_STATE_PREPARING },
	{ "prepare again", make, SD_STATE_PREPARING, 0, NONE, BIT(PREPARING), SD_STATE_PREPARING },
	{ "first mount", use, SD_STATE_READY, 0, NONE, BIT(READY) | BIT(USED), SD_STATE_USED },
	{ "mending the MBR", use, SD_STATE_USED, 0, 0, BIT(USED), SD_STATE_USED },
	{ "mending the header", use, SD_STATE_USED, 0, 1, BIT(USED), SD_STATE_USED },
	{ "mending the entries", use, SD_STATE_USED, 0, 2, BIT(USED), SD_STATE_USED },
	{ "mending the backup", use, SD_STATE_USED, 0, -1, BIT(USED), SD_STATE_USED },
	{ "mending, and a first mount", use, SD_STATE_READY, 0, 1, BIT(READY) | BIT(USED),
	        SD_STATE_USED },
	{ "erase begins", erase, SD_STATE_USED, 0, NONE, BIT(USED) | BIT(ERASING),
	        SD_STATE_ERASING },
	{ "erase fails", fail_it, SD_STATE_ERASING, 0, NONE, BIT(ERASING) | BIT(FAILED),
	        SD_STATE_FAILED },
	{ "erase ends", renew, SD_STATE_ERASING, 0, NONE, BIT(ERASING) | BIT(PREPARING),
	        SD_STATE_PREPARING },
	{ "grow", grow, SD_STATE_USED, GROWN_BEFORE, NONE, BIT(USED), SD_STATE_USED },
	{ "first mount of a grown disk", use, SD_STATE_READY, GROWN_BEFORE, NONE,
	        BIT(READY) | BIT(USED), SD_STATE_USED },
	{ "release", give_back, SD_STATE_READY, MAY_BE_BLANK, NONE, BIT(READY) | BIT(PREPARING),
	        -1 },
	{ "release of a failed one", give_back, SD_STATE_FAILED, MAY_BE_BLANK, NONE,
	        BIT(FAILED) | BIT(PREPARING), -1 },
	{ "release of a grown disk", give_back, SD_STATE_READY, GROWN_BEFORE | MAY_BE_BLANK, NONE,
	        BIT(READY) | BIT(PREPARING), -1 },
};

static void set_up(const struct scenario *scenario)
{
	static const enum sd_state ways[][3] = {
		[SD_STATE_PREPARING] = {},
		[SD_STATE_READY] = { SD_STATE_READY },
		[SD_STATE_USED] = { SD_STATE_READY, SD_STATE_USED },
		[SD_STATE_ERASING] = { SD_STATE_READY, SD_STATE_USED, SD_STATE_ERASING },
		[SD_STATE_FAILED] = { SD_STATE_FAILED },
	};

	memset(&image, 0, sizeof(image));
	image.fd = memfd_create("disk", MFD_CLOEXEC);
	assert_true(image.fd >= 0);
	(void)snprintf(image.disk.name, sizeof(image.disk.name), "image");
	(void)snprintf(image.disk.node, sizeof(image.disk.node), "/proc/self/fd/%d", image.fd);
	image.disk.sector_size = sector;
	image_resize(&image, SIZE);
	if (scenario->flags & BLANK_BEFORE)
		return;
	assert_int_equal(make(), 0);
	for (size_t i = 0; i < 3 && ways[scenario->from][i]; i++)
		assert_int_equal(change(ways[scenario->from][i]), 0);
	if (scenario->flags & GROWN_BEFORE)
		image_resize(&image, GROWN);
	if (scenario->damaged != NONE)
		image_fill(&image,
		        (scenario->damaged < 0 ? SIZE : 0) +
		                (uint64_t)((int64_t)scenario->damaged * sector),
		        0, sector);
}

/* One image: what it says, and that the command finishes. */
static void try_image(
        const struct scenario *scenario, const char *what, unsigned i, unsigned subset)
{
	struct sd_volume volume = SD_VOLUME_INIT;
	struct sd_mark mark;
	int r = open_volume(&volume);

	sd_volume_close(&volume);
	if (r == 0 && !(scenario->states & 1u << volume.mark.state))
		fail_msg("%s, %s %u (%x): it is %s", scenario->name, what, i, subset,
		        sd_state_name(volume.mark.state));
	if (r < 0 && !(r == -ENOENT && scenario->flags & MAY_BE_BLANK && is_blank()))
		fail_msg("%s, %s %u (%x): %s", scenario->name, what, i, subset, err.text);
	r = scenario->command();
	if (r < 0)
		fail_msg("%s, %s %u (%x), again: %s", scenario->name, what, i, subset, err.text);
	sd_error_clear(&err);
	r = sd_volume_read_mark(image.fd, &image.disk, &mark, &err);
	if (scenario->becomes < 0
	                ? r != -ENOENT || !ends_are_zero()
	                : r < 0 || mark.needs_repair || (int)mark.state != scenario->becomes)
		fail_msg("%s, %s %u (%x): afterwards %s", scenario->name, what, i, subset,
		        r < 0 ? err.text : sd_state_name(mark.state));
}

static void put_up_to(unsigned n)
{
	put_back();
	for (unsigned i = 0; i < n; i++)
		put_request(i);
}

/* Each combination of those sectors of a write that change anything. */
static unsigned try_torn(const struct scenario *scenario, unsigned i)
{
	const struct request *request = &requests[i];
	size_t changed[MAX_SECTORS], n = 0;
	unsigned char old[4096];
	unsigned tried = 0;

	put_up_to(i);
	for (size_t at = 0; at < request->len; at += sector) {
		image_read(&image, request->at + at, old, sector);
		if (memcmp(old, request->data + at, sector) == 0)
			continue;
		assert_true(n < MAX_SECTORS);
		changed[n++] = at;
	}
	for (unsigned subset = 1; n && subset < (1u << n) - 1; subset++, tried++) {
		put_up_to(i);
		for (size_t k = 0; k < n; k++)
			if (subset & 1u << k)
				image_write(&image, request->at + changed[k],
				        request->data + changed[k], sector);
		try_image(scenario, "torn", i, subset);
	}
	return tried;
}

/* Each combination of the writes since the last flush, of which request i is the latest. */
static unsigned try_reordered(const struct scenario *scenario, unsigned i)
{
	unsigned first = i, n, tried = 0;

	while (first && requests[first - 1].epoch == requests[i].epoch)
		first--;
	n = i - first;
	assert_true(n <= MAX_SECTORS);
	for (unsigned subset = 0; subset < (1u << n) - 1; subset++, tried++) {
		put_up_to(first);
		for (unsigned k = 0; k < n; k++)
			if (subset & 1u << k)
				put_request(first + k);
		put_request(i);
		try_image(scenario, "reordered", i, subset);
	}
	return tried;
}

static void test_power_cuts(void **state)
{
	unsigned boundaries = 0, torn = 0, reordered = 0;

	recording = false; /* also after a test that failed */
	forget_record();
	sector = *(unsigned *)*state;
	for (size_t s = 0; s < SD_ARRAY_SIZE(scenarios); s++) {
		const struct scenario *scenario = &scenarios[s];

		set_up(scenario);
		begin_record();
		if (scenario->command() < 0)
			fail_msg("%s: %s", scenario->name, err.text);
		recording = false;
		assert_in_range(n_requests, 3, MAX_REQUESTS);
		assert_in_range(epoch, 3, MAX_REQUESTS);
		for (unsigned i = 0; i <= n_requests; i++, boundaries++) {
			put_up_to(i);
			try_image(scenario, "before write", i, 0);
			if (i == n_requests)
				continue;
			torn += try_torn(scenario, i);
			reordered += try_reordered(scenario, i);
		}
		forget_record();
		(void)close(image.fd);
	}
	print_message("%zu commands, sectors of %u: %u boundaries, %u torn, %u reordered\n",
	        SD_ARRAY_SIZE(scenarios), sector, boundaries, torn, reordered);
}

static unsigned sector_sizes[] = { 512, 4096 };

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_power_cuts, &sector_sizes[0]),
		cmocka_unit_test_prestate(test_power_cuts, &sector_sizes[1]),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
