/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "superblock.h"
#include "blockdev.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Where the fields lie: the kernel's Documentation/filesystems/ext4/super.rst; little-endian. */
#define EXT4_AT 1024
#define EXT4_BLOCKS_LO 0x4
#define EXT4_LOG_BLOCK_SIZE 0x18
#define EXT4_STATE 0x3a
#define EXT4_INCOMPAT 0x60
#define EXT4_BLOCKS_HI 0x150

#define EXT4_STATE_ERRORS 0x2
#define EXT4_INCOMPAT_RECOVER 0x4
#define EXT4_INCOMPAT_64BIT 0x80

/* fs/xfs/libxfs/xfs_format.h, struct xfs_dsb; big-endian. */
#define XFS_BLOCK_SIZE 4
#define XFS_BLOCKS 8
#define XFS_VERSION 100
#define XFS_IN_PROGRESS 126
#define XFS_INCOMPAT 216

#define XFS_VERSION_NUMBER 0xf
#define XFS_INCOMPAT_NEEDS_REPAIR 0x10

static uint16_t get16(const unsigned char *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint32_t get32(const unsigned char *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* Returns the block size, 0 if it is impossible. */
static uint64_t parse_ext4(const unsigned char *sb, uint64_t *ret_blocks, struct sd_superblock *ret)
{
	uint32_t incompat = le32toh(get32(sb + EXT4_INCOMPAT));
	uint32_t log_size = le32toh(get32(sb + EXT4_LOG_BLOCK_SIZE));

	*ret_blocks = le32toh(get32(sb + EXT4_BLOCKS_LO));
	if (incompat & EXT4_INCOMPAT_64BIT)
		*ret_blocks |= (uint64_t)le32toh(get32(sb + EXT4_BLOCKS_HI)) << 32;
	ret->needs_repair = le16toh(get16(sb + EXT4_STATE)) & EXT4_STATE_ERRORS;
	ret->needs_replay = incompat & EXT4_INCOMPAT_RECOVER;
	return log_size <= 6 ? 1024ull << log_size : 0;
}

static uint64_t parse_xfs(const unsigned char *sb, uint64_t *ret_blocks, struct sd_superblock *ret)
{
	uint32_t block_size = be32toh(get32(sb + XFS_BLOCK_SIZE));

	*ret_blocks = be64toh(get64(sb + XFS_BLOCKS));
	ret->needs_repair = sb[XFS_IN_PROGRESS] ||
	        ((be16toh(get16(sb + XFS_VERSION)) & XFS_VERSION_NUMBER) >= 5 &&
	                (be32toh(get32(sb + XFS_INCOMPAT)) & XFS_INCOMPAT_NEEDS_REPAIR));
	return block_size >= 512 && block_size <= 65536 ? block_size : 0;
}

int sd_superblock_read(
        int fd, const char *path, const char *type, struct sd_superblock *ret, struct sd_error *err)
{
	struct sd_superblock superblock = { 0 };
	bool is_xfs = strcmp(type, "xfs") == 0;
	uint64_t blocks, block_size;
	unsigned char sb[1024];
	ssize_t n;

	n = pread(fd, sb, sizeof(sb), is_xfs ? 0 : EXT4_AT);
	if (n != (ssize_t)sizeof(sb))
		return sd_error_errno(err, n < 0 ? sd_blockdev_errno(errno) : EIO,
		        "cannot read the superblock of %s", path);
	block_size =
	        is_xfs ? parse_xfs(sb, &blocks, &superblock) : parse_ext4(sb, &blocks, &superblock);
	if (!block_size || !blocks || blocks > INT64_MAX / block_size)
		return sd_error_set(err, EINVAL,
		        "the superblock of the %s on %s cannot be right: look at it with %s", type,
		        path, is_xfs ? "xfs_repair -n" : "e2fsck -n");
	superblock.size = blocks * block_size;
	*ret = superblock;
	return 0;
}
