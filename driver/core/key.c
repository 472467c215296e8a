/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "key.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static size_t mapped_size(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size / page + 1) * page; /* never none, also for an empty key */
}

/* Best effort: RLIMIT_MEMLOCK may be tiny, and a volume that mounts is worth more. */
void sd_key_lock(const struct sd_key *key)
{
	if (key->data)
		(void)mlock(key->data, mapped_size(key->size));
}

int sd_key_alloc(size_t size, struct sd_key *ret, struct sd_error *err)
{
	void *p;

	p = mmap(NULL, mapped_size(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	        0);
	if (p == MAP_FAILED)
		return sd_error_errno(err, errno, "no memory for a key");
	(void)madvise(p, mapped_size(size), MADV_DONTDUMP);
	ret->data = p;
	ret->size = size;
	sd_key_lock(ret);
	return 0;
}

void sd_key_free(struct sd_key *key)
{
	if (!key->data)
		return;
	explicit_bzero(key->data, mapped_size(key->size));
	(void)munmap(key->data, mapped_size(key->size));
	key->data = NULL;
	key->size = 0;
}

static int check_size(size_t size, struct sd_error *err)
{
	return size <= SD_KEY_MAX_SIZE
	        ? 0
	        : sd_error_set(err, EINVAL, "the key is longer than %d bytes", SD_KEY_MAX_SIZE);
}

int sd_key_copy(const void *data, size_t size, struct sd_key *ret, struct sd_error *err)
{
	struct sd_key key = SD_KEY_INIT;
	int r;

	r = check_size(size, err);
	if (r == 0)
		r = sd_key_alloc(size, &key, err);
	if (r < 0)
		return r;
	memcpy(key.data, data, size);
	*ret = key;
	return 0;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* One group of four characters, of which the last pad ones are '='. Returns 0 or -EINVAL. */
static int decode_group(const char *in, size_t pad, unsigned char *out)
{
	unsigned bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? base64_value(in[i]) : 0;

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (unsigned)value;
	}
	/* Bits that no byte takes must be zero: each content has one spelling (RFC 4648, 3.5). */
	if (bits & ((1u << (8 * pad)) - 1))
		return -EINVAL;
	for (size_t i = 0; i < 3 - pad; i++)
		out[i] = (unsigned char)(bits >> (16 - 8 * i));
	return 0;
}

int sd_key_from_base64(const char *text, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	int r;

	r = sd_key_from_long_base64(text, &key, err);
	if (r == 0)
		r = check_size(key.size, err);
	if (r < 0)
		return r;
	*ret = key;
	key = (struct sd_key)SD_KEY_INIT;
	return 0;
}

int sd_key_from_long_base64(const char *text, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	size_t len = strlen(text), pad = 0;
	int r = 0;

	if (len % 4)
		return sd_error_set(err, EINVAL, "the key is not base64: its length is wrong");
	if (len)
		pad = text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
	r = sd_key_alloc(len / 4 * 3 - pad, &key, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len / 4 && !r; i++)
		r = decode_group(text + 4 * i, i + 1 == len / 4 ? pad : 0, key.data + 3 * i);
	if (r < 0)
		return sd_error_set(err, EINVAL, "the key is not base64 (RFC 4648, with padding)");
	*ret = key;
	key = (struct sd_key)SD_KEY_INIT;
	return 0;
}

static int check_key_file(int fd, const char *path, size_t *ret_size, struct sd_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot look at the key file %s", path);
	if (!S_ISREG(st.st_mode))
		return sd_error_set(err, EINVAL, "the key file %s is not a regular file", path);
	if (st.st_uid != 0)
		return sd_error_set(err, EPERM,
		        "the key file %s belongs to user %u; it must belong to root", path,
		        (unsigned)st.st_uid);
	if ((st.st_mode & 07777) != 0400 && (st.st_mode & 07777) != 0600)
		return sd_error_set(err, EPERM,
		        "the key file %s has mode %04o; it must be 0400 or 0600", path,
		        (unsigned)st.st_mode & 07777);
	if (st.st_size <= 0 || st.st_size > SD_KEY_MAX_SIZE)
		return sd_error_set(err, EINVAL,
		        "the key file %s has %lld bytes; it may have 1 to %d", path,
		        (long long)st.st_size, SD_KEY_MAX_SIZE);
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* Straight into the protected memory: stdio would leave a copy in its buffer. */
static int read_whole(int fd, struct sd_key *key)
{
	size_t got = 0;
	char more;

	while (got < key->size) {
		ssize_t n = read(fd, key->data + got, key->size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ESTALE;
		got += (size_t)n;
	}
	return read(fd, &more, 1) == 0 ? 0 : -ESTALE; /* it grew */
}

/*
 * A directory on the way to the keys: who may write there could put another file in a key's place.
 * Returns its descriptor.
 */
static int open_directory(int parent, const char *name, const char *path, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(
		        err, errno, "cannot open the directory of the keys, %s", path);
	if (st.st_uid != 0 || (st.st_mode & 022))
		return sd_error_set(err, EPERM,
		        "others than root may write to the directory of the keys, %s (user %u, mode "
		        "%04o): make it root's, mode 0700",
		        path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
	return sd_steal_fd(fd);
}

static int open_keys(struct sd_error *err)
{
	_cleanup_close_ int parent = -1;
	char above[PATH_MAX], path[PATH_MAX];

	if (sd_root_path(above, sizeof(above), "/etc/solodisk") < 0 ||
	        sd_root_path(path, sizeof(path), "/etc/solodisk/keys") < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of the keys is too long");
	parent = open_directory(AT_FDCWD, above, above, err);
	return parent < 0 ? parent : open_directory(parent, "keys", path, err);
}

int sd_key_read_file(const char *name, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	_cleanup_close_ int dir = -1;
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	size_t size = 0;
	int r;

	if (!name[0] || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return sd_error_set(err, EINVAL, "\"%s\" is no name of a key file", name);
	if (sd_root_path(path, sizeof(path), "/etc/solodisk/keys/%s", name) < 0)
		return sd_error_set(err, ENAMETOOLONG, "the name of the key file is too long");
	dir = open_keys(err);
	if (dir < 0)
		return dir;
	/* O_NONBLOCK: a FIFO in its place must not hang the call. */
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP)
		return sd_error_set(err, ELOOP, "the key file %s is a link", path);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open the key file %s", path);
	r = check_key_file(fd, path, &size, err);
	if (r < 0)
		return r;
	r = sd_key_alloc(size, &key, err);
	if (r < 0)
		return r;
	r = read_whole(fd, &key);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot read the key file %s", path);
	*ret = key;
	key = (struct sd_key)SD_KEY_INIT;
	return 0;
}
