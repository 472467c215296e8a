/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keysource.h"
#include "cleanup.h"
#include "crypt.h"
#include "key_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
	_cleanup_key_ struct sd_key buf = SD_KEY_INIT;
	size_t used = 0;
	int r;

	r = sd_key_alloc(SD_KEY_MAX_SIZE + 1, &buf, err);
	while (r == 0 && used < buf.size) {
		ssize_t n = read(fd, buf.data + used, buf.size - used);

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
	return r == 0 ? sd_key_copy(buf.data, used, ret, err) : r;
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

static int read_key_file(const struct key_source *source, struct sd_key *ret, struct sd_error *err)
{
	return key_source_is_stdin(source) ? read_all(STDIN_FILENO, "stdin", ret, err)
	                                   : read_path(source->key_file, ret, err);
}

static int give_secret(void *data, const char *name, struct sd_key *ret, struct sd_error *err)
{
	const struct key_source *source = data;

	if (!source->key_file)
		return sd_error_set(err, EINVAL,
		        "what the Secret has for \"%s\" is not known here: give its value with "
		        "--key-file PATH or --key-file -",
		        name);
	return read_key_file(source, ret, err);
}

static int give_token(void *data, bool alone, struct sd_key *ret, struct sd_error *err)
{
	const struct key_source *source = data;

	if (!source->device)
		return sd_error_set(err, EINVAL,
		        "a token is bound to a volume that is there already: make it with another key, "
		        "then bind the token (solodisk(8), \"Tokens\")");
	return sd_crypt_token_key(source->device, source->id, alone, ret, err);
}

static int read_named(struct key_source *source, struct sd_key *ret, struct sd_error *err)
{
	const struct sd_key_givers givers = { give_secret, give_token, source };
	_cleanup_key_spec_ struct sd_key_spec spec = { 0 };
	size_t n_secrets = 0;
	int r;

	r = sd_key_spec_parse(source->key, &spec, err);
	if (r < 0)
		return sd_error_wrap(err, "--key");
	for (size_t i = 0; i < spec.n; i++)
		n_secrets += spec.part[i].kind == SD_KEY_SECRET;
	if (n_secrets > 1)
		return sd_error_set(
		        err, EINVAL, "--key-file can give the value of one secret: part only");
	if (source->key_file && n_secrets == 0)
		return sd_error_set(err, EINVAL,
		        "--key-file gives the value of a Secret, but --key names none; give one of the "
		        "two");
	return sd_key_spec_read(&spec, &givers, SD_KEY_CURRENT, ret, err);
}

/* What a child of ours (clevis) handles must not be dumped either; it inherits the second. */
static int protect(struct sd_error *err)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return sd_error_errno(err, errno, "cannot protect the key from core dumps");
	return 0;
}

int key_source_read(const struct key_source *source, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct key_source copy = *source;
	int r;

	r = protect(err);
	if (r == 0)
		r = source->key ? read_named(&copy, &key, err) : read_key_file(source, &key, err);
	if (r < 0)
		return r;
	if (key.size == 0)
		return sd_error_set(err, EINVAL, "the key is empty");
	if (key.size < SD_KEY_MIN_SIZE && !source->passphrase &&
	        (!source->device || source->makes_keyslot))
		return sd_error_set(err, EINVAL,
		        "the key has %zu bytes, at least %d are needed: "
		        "head -c 64 /dev/urandom makes a good one",
		        key.size, SD_KEY_MIN_SIZE);
	*ret = key;
	key = (struct sd_key)SD_KEY_INIT;
	return 0;
}

bool key_option(struct key_arguments *arguments, int c, const char *value)
{
	switch (c) {
	case 'k':
		arguments->key.key = value;
		return true;
	case 'K':
		arguments->key.key_file = value;
		return true;
	case 'd':
		arguments->kdf = value;
		arguments->key.passphrase = strcmp(value, "argon2id") == 0;
		return true;
	default:
		return false;
	}
}

int key_kdf(const struct command *self, const char *name, enum sd_kdf *ret, struct sd_error *err)
{
	if (name && strcmp(name, "argon2id") != 0 && strcmp(name, "pbkdf2") != 0)
		return command_usage(self, err, "--kdf is pbkdf2 or argon2id");
	*ret = name && strcmp(name, "argon2id") == 0 ? SD_KDF_ARGON2ID : SD_KDF_PBKDF2;
	return TOOL_OK;
}
