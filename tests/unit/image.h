/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A disk image in a temporary file, for tests of what lies on a disk: its bytes can be compared. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MIB (1ull << 20)

struct image {
	char path[64];
	int fd;
	struct sd_disk disk; /* what the core is told */
};

static inline void image_resize(struct image *image, uint64_t size)
{
	assert_int_equal(ftruncate(image->fd, (off_t)size), 0);
	image->disk.size = size;
}

static inline void image_open(struct image *image, uint64_t size, unsigned sector_size)
{
	memset(image, 0, sizeof(*image));
	(void)snprintf(image->path, sizeof(image->path), "/tmp/solodisk-image-XXXXXX");
	image->fd = mkostemp(image->path, O_CLOEXEC);
	assert_true(image->fd >= 0);
	(void)snprintf(image->disk.name, sizeof(image->disk.name), "image");
	(void)snprintf(image->disk.node, sizeof(image->disk.node), "%s", image->path);
	image->disk.sector_size = sector_size;
	image_resize(image, size);
	assert_int_equal(flock(image->fd, LOCK_EX), 0);
}

static inline void image_close(struct image *image)
{
	(void)close(image->fd);
	(void)unlink(image->path);
}

static inline void image_read(const struct image *image, uint64_t offset, void *buf, size_t len)
{
	assert_int_equal(pread(image->fd, buf, len, (off_t)offset), (ssize_t)len);
}

static inline void image_write(
        const struct image *image, uint64_t offset, const void *buf, size_t len)
{
	assert_int_equal(pwrite(image->fd, buf, len, (off_t)offset), (ssize_t)len);
}

static inline void image_fill(const struct image *image, uint64_t offset, int byte, size_t len)
{
	char *buf = malloc(len);

	assert_non_null(buf);
	memset(buf, byte, len);
	image_write(image, offset, buf, len);
	free(buf);
}

/* All bytes of the image, to be compared later; free() it. */
static inline unsigned char *image_copy(const struct image *image)
{
	unsigned char *bytes = malloc(image->disk.size);

	assert_non_null(bytes);
	image_read(image, 0, bytes, image->disk.size);
	return bytes;
}

static inline void image_is_unchanged(const struct image *image, unsigned char *before)
{
	unsigned char *now = image_copy(image);

	assert_int_equal(memcmp(now, before, image->disk.size), 0);
	free(now);
	free(before);
}
