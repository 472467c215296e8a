/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uevent.h"
#include "cleanup.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define KERNEL_GROUP 1
#define MESSAGE_SIZE 8192
#define RECEIVE_BUFFER (1 << 20)

/* The value of a key of the message's strings; NULL: not there. */
static const char *value_of(const char *message, size_t len, const char *key)
{
	size_t key_len = strlen(key);

	for (const char *p = message; p < message + len; p += strlen(p) + 1)
		if (strncmp(p, key, key_len) == 0 && p[key_len] == '=')
			return p + key_len + 1;
	return NULL;
}

/*
 * The disk's directory is the last one of the path, or the one before a partition's. Only SCSI and virtio
 * have a "block" in front of it; NVMe has its controller.
 */
static bool disk_of_path(const char *path, bool is_partition, char ret[UEVENT_NAME_SIZE])
{
	const char *end = path + strlen(path), *name;

	if (is_partition)
		end = memrchr(path, '/', (size_t)(end - path));
	name = end ? memrchr(path, '/', (size_t)(end - path)) : NULL;
	if (!name || end - name < 2 || end - name > UEVENT_NAME_SIZE)
		return false;
	memcpy(ret, name + 1, (size_t)(end - name - 1));
	ret[end - name - 1] = '\0';
	return true;
}

bool uevent_parse(const char *message, size_t len, char ret[UEVENT_NAME_SIZE])
{
	const char *subsystem, *path, *type;

	if (len == 0 || message[len - 1] != '\0' || !strchr(message, '@'))
		return false; /* "libudev" and binary: udevd's own, not the kernel's */
	subsystem = value_of(message, len, "SUBSYSTEM");
	path = value_of(message, len, "DEVPATH");
	type = value_of(message, len, "DEVTYPE");
	return subsystem && path && type && strcmp(subsystem, "block") == 0 &&
	        disk_of_path(path, strcmp(type, "partition") == 0, ret);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct uevents *uevents = poll->data;
	struct sockaddr_nl from = { 0 };
	char message[MESSAGE_SIZE], name[UEVENT_NAME_SIZE];

	(void)status;
	(void)events;
	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(uevents->fd, message, sizeof(message), MSG_DONTWAIT,
		        (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == ENOBUFS)
			uevents->listener.disk(uevents->listener.data, NULL);
		else if (n <= 0)
			return;
		else if (from.nl_pid == 0 && uevent_parse(message, (size_t)n, name))
			uevents->listener.disk(uevents->listener.data, name);
	}
}

int uevents_open(uv_loop_t *loop, const struct uevent_listener *listener, struct uevents *ret,
        struct sd_error *err)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	_cleanup_close_ int fd = -1;
	int size = RECEIVE_BUFFER, r;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return sd_error_errno(err, errno, "cannot listen to the kernel's events");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	*ret = (struct uevents){ .fd = fd, .listener = *listener };
	r = uv_poll_init(loop, &ret->poll, fd);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot listen to the kernel's events");
	(void)sd_steal_fd(fd);
	ret->poll.data = ret;
	r = uv_poll_start(&ret->poll, UV_READABLE, on_readable);
	return r < 0 ? sd_error_errno(err, -r, "cannot listen to the kernel's events") : 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct uevents *uevents = handle->data;

	(void)close(sd_steal_fd(uevents->fd));
}

void uevents_close(struct uevents *uevents)
{
	if (uevents->poll.data && !uv_is_closing((uv_handle_t *)&uevents->poll))
		uv_close((uv_handle_t *)&uevents->poll, on_closed);
}
