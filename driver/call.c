/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define REQUEST_FD 0
#define ANSWER_FD 3
#define REQUEST_MAX (1 << 20)

/* The request may carry a Secret: its memory is locked if possible, and kept out of dumps. */
static int read_all(struct sd_call *call, struct sd_error *err)
{
	call->memory = mmap(NULL, REQUEST_MAX + 1, PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (call->memory == MAP_FAILED) {
		call->memory = NULL;
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	(void)madvise(call->memory, REQUEST_MAX + 1, MADV_DONTDUMP);
	(void)mlock2(call->memory, REQUEST_MAX + 1, MLOCK_ONFAULT);
	while (call->used <= REQUEST_MAX) {
		ssize_t n =
		        read(REQUEST_FD, call->memory + call->used, REQUEST_MAX + 1 - call->used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sd_error_errno(err, errno, "cannot read the request");
		if (n == 0)
			return 0;
		call->used += (size_t)n;
	}
	return sd_error_set(err, E2BIG, "the call's arguments are larger than 1 MiB");
}

int sd_call_read(struct sd_call *ret, struct sd_error *err)
{
	struct sd_call call = { 0 };
	const char *word[3 + SD_CALL_ARGS_MAX];
	size_t n = 0;
	int r = read_all(&call, err);

	if (r < 0) {
		sd_call_free(&call);
		return r;
	}
	/* A NUL ends each word, the last one at the latest at the byte that was never filled. */
	for (const char *p = call.memory; p < call.memory + call.used; p += strlen(p) + 1) {
		if (n == SD_ARRAY_SIZE(word)) {
			sd_call_free(&call);
			return sd_error_set(err, EINVAL, "too many arguments");
		}
		word[n++] = p;
	}
	if (n < 3 || (strcmp(word[0], "call") != 0 && strcmp(word[0], "undo") != 0)) {
		sd_call_free(&call);
		return sd_error_set(err, EINVAL, n == 2 ? "no verb was given" : "not a request");
	}
	call.undo = strcmp(word[0], "undo") == 0;
	call.token = word[1];
	call.verb = word[2];
	call.n_args = (int)n - 3;
	memcpy(call.args, word + 3, (n - 3) * sizeof(*word));
	*ret = call;
	return 0;
}

void sd_call_free(struct sd_call *call)
{
	if (call->memory) {
		explicit_bzero(call->memory, call->used);
		(void)munmap(call->memory, REQUEST_MAX + 1);
	}
	*call = (struct sd_call){ 0 };
}

static const char *status_word(char status)
{
	return status == 'S' ? "Success" : status == 'N' ? "Not supported" : "Failure";
}

int sd_call_answer(char status, struct sd_answer *answer, struct sd_error *err)
{
	_cleanup_free_ char *line = NULL;
	struct iovec parts[2] = { { &status, 1 } };
	struct msghdr datagram = { .msg_iov = parts, .msg_iovlen = SD_ARRAY_SIZE(parts) };
	int r;

	r = sd_json_set_string(answer->json, "status", status_word(status));
	if (r == 0 && answer->message[0])
		r = sd_json_set_string(answer->json, "message", answer->message);
	line = r == 0 ? sd_json_line(answer->json) : NULL;
	if (!line)
		return sd_error_set(err, ENOMEM, "out of memory");
	parts[1] = (struct iovec){ line, strlen(line) };
	if (sendmsg(ANSWER_FD, &datagram, MSG_NOSIGNAL) < 0)
		return sd_error_errno(err, errno, "cannot answer");
	return 0;
}

bool sd_call_is_abandoned(void)
{
	struct pollfd fd = { .fd = ANSWER_FD, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLHUP | POLLERR)) != 0;
}

int sd_call_options(const struct sd_call *call, int n, struct sd_options *ret, struct sd_error *err)
{
	return sd_options_parse(call->args[n], strlen(call->args[n]), ret, err);
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return true;
	return false;
}

int sd_call_directory(
        const struct sd_call *call, int n, char *ret_path, size_t size, struct sd_error *err)
{
	const char *path = call->args[n];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (path[0] != '/' || len < 2)
		return sd_error_set(err, EINVAL, "the directory must be an absolute path, not /");
	if (len >= size)
		return sd_error_set(err, ENAMETOOLONG, "the directory's path is too long");
	if (has_dotdot(path))
		return sd_error_set(err, EINVAL, "the directory's path must not contain \"..\"");
	if (!sd_json_is_text(path))
		return sd_error_set(err, EINVAL, "the directory's path is not valid UTF-8");
	for (const char *p = path; *p; p++)
		if (iscntrl((unsigned char)*p))
			return sd_error_set(
			        err, EINVAL, "the directory's path has a control character in it");
	memcpy(ret_path, path, len);
	ret_path[len] = '\0';
	return 0;
}
