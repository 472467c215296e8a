/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keysource.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define FILE_PREFIX "file:"

bool key_source_is_given(const struct key_source *source)
{
	return source->key || source->key_file;
}

bool key_source_is_stdin(const struct key_source *source)
{
	return source->key_file && strcmp(source->key_file, "-") == 0;
}

/* The whole content is the key, a newline at its end too, as with the node's key files. */
static int read_all(int fd, const char *path, struct sd_key *ret, struct sd_error *err)
{
	unsigned char buf[SD_KEY_MAX_SIZE + 1];
	size_t used = 0;
	int r = 0;

	while (used < sizeof(buf)) {
		ssize_t n = read(fd, buf + used, sizeof(buf) - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = sd_error_errno(err, errno, "cannot read the key from %s", path);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (r == 0 && used > SD_KEY_MAX_SIZE)
		r = sd_error_set(err, EINVAL, "the key in %s is longer than %d bytes", path,
		        SD_KEY_MAX_SIZE);
	if (r == 0)
		r = sd_key_copy(buf, used, ret, err);
	explicit_bzero(buf, sizeof(buf));
	return r;
}

static int read_path(const char *path, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	/* O_NONBLOCK: opening a FIFO without a writer would wait for ever. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot open the key file %s", path);
	if (!S_ISREG(st.st_mode))
		return sd_error_set(err, EINVAL,
		        "the key file %s is not a regular file; --key-file - reads stdin", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 077))
		return sd_error_set(err, EPERM,
		        "others than root may read the key file %s; make it root's, mode 0600",
		        path);
	return read_all(fd, path, ret, err);
}

int key_source_read(const struct key_source *source, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	int r;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return sd_error_errno(err, errno, "cannot protect the key from core dumps");
	if (source->key && source->key_file)
		return sd_error_set(err, EINVAL, "--key and --key-file cannot be given together");
	if (key_source_is_stdin(source))
		r = read_all(STDIN_FILENO, "stdin", &key, err);
	else if (source->key_file)
		r = read_path(source->key_file, &key, err);
	else if (source->key && strncmp(source->key, FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
		r = sd_key_read_file(source->key + strlen(FILE_PREFIX), &key, err);
	else
		r = sd_error_set(err, EINVAL,
		        "--key takes file:NAME, a file in /etc/solodisk/keys; for a Secret's key give "
		        "its value with --key-file PATH or --key-file -");
	if (r < 0)
		return r;
	if (key.size < SD_KEY_MIN_SIZE)
		return sd_error_set(err, EINVAL,
		        "the key has %zu bytes, at least %d are needed: "
		        "head -c 64 /dev/urandom makes a good one",
		        key.size, SD_KEY_MIN_SIZE);
	*ret = key;
	key = (struct sd_key)SD_KEY_INIT;
	return 0;
}
