/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clevis' tokens (tang, TPM2, sss). Debian's Clevis has no plugin for libcryptsetup, only programs: the
 * token is given to "clevis decrypt" by a pipe, and the key comes back by another. It is in no argument,
 * environment or file.
 */
#include "cleanup.h"
#include "crypt_private.h"
#include "json.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define TIMEOUT_S \
	40 /* of the front's two minutes; a tang server that is away is not waited for longer */

/* The parts of a JWE in its compact form (RFC 7516, 7.1), which clevis reads. */
static const char *const parts[] = { "protected", "encrypted_key", "iv", "ciphertext", "tag" };

static int write_part(int fd, const char *text, bool last, struct sd_error *err)
{
	size_t len = strlen(text);

	if (write(fd, text, len) == (ssize_t)len && (last || write(fd, ".", 1) == 1))
		return 0;
	return sd_error_set(err, EINVAL, "its JWE is too long");
}

/* What clevis reads: all of it is in the pipe before the program starts. */
static int write_jwe(int fd, const sd_json *jwe, struct sd_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SD_ARRAY_SIZE(parts); i++) {
		const char *text = NULL;

		r = sd_json_get_string(jwe, parts[i], &text, err);
		if (r < 0)
			return r;
		r = write_part(fd, r ? text : "", i + 1 == SD_ARRAY_SIZE(parts), err);
	}
	return r;
}

static int read_key(int fd, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_key_ struct sd_key buf = SD_KEY_INIT;
	size_t used = 0;
	ssize_t n = 1;
	int r;

	r = sd_key_alloc(SD_KEY_MAX_SIZE + 1, &buf, err);
	while (r == 0 && n > 0 && used < buf.size) {
		n = read(fd, buf.data + used, buf.size - used);
		used += n > 0 ? (size_t)n : 0;
	}
	if (r == 0 && used == 0)
		r = sd_error_set(err, ENOKEY, "clevis decrypt printed nothing");
	return r < 0 ? r : sd_key_copy(buf.data, used, ret, err);
}

struct pipes {
	int in[2], out[2];
};

static void pipes_close(const struct pipes *pipes)
{
	const int fds[] = { pipes->in[0], pipes->in[1], pipes->out[0], pipes->out[1] };

	for (size_t i = 0; i < SD_ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

/* Ours neither blocks: the first is filled before anybody reads, the second read when all is written. */
static int pipes_open(struct pipes *pipes, struct sd_error *err)
{
	if (pipe2(pipes->in, O_CLOEXEC) < 0 || pipe2(pipes->out, O_CLOEXEC) < 0 ||
	        fcntl(pipes->in[1], F_SETFL, O_NONBLOCK) < 0 ||
	        fcntl(pipes->out[0], F_SETFL, O_NONBLOCK) < 0)
		return sd_error_errno(err, errno, "cannot make a pipe for clevis");
	return 0;
}

static int decrypt(const sd_json *jwe, struct sd_key *ret, struct sd_error *err)
{
	static const char *const argv[] = { "clevis", "decrypt", NULL };
	_cleanup_(pipes_close) struct pipes pipes = { { -1, -1 }, { -1, -1 } };
	struct sd_spawn spawn = { .argv = argv, .timeout_s = TIMEOUT_S };
	int r;

	r = pipes_open(&pipes, err);
	if (r == 0)
		r = write_jwe(pipes.in[1], jwe, err);
	if (r < 0)
		return r;
	(void)close(sd_steal_fd(pipes.in[1]));
	spawn.stdin_fd = pipes.in[0];
	spawn.stdout_fd = pipes.out[1];
	r = sd_spawn(&spawn, err);
	return r < 0 ? r : read_key(pipes.out[0], ret, err);
}

int sd_crypt_clevis(const char *json, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_json_ sd_json *token = NULL;
	const sd_json *jwe;
	int r;

	r = sd_json_parse(json, strlen(json), &token, err);
	if (r < 0)
		return r;
	jwe = sd_json_get(token, "jwe");
	if (!jwe || !sd_json_is_object(jwe))
		return sd_error_set(err, EINVAL, "it has no JWE");
	return decrypt(jwe, ret, err);
}
