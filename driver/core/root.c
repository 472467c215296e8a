/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root.h"
#include "cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

static const char *root_prefix = "";

void sd_root_set(const char *prefix)
{
	root_prefix = prefix;
}

const char *sd_root(void)
{
	return root_prefix;
}

static int root_vpath(char *buf, size_t size, const char *fmt, va_list ap)
{
	size_t used = strlen(root_prefix);
	int n;

	if (used >= size)
		return -ENAMETOOLONG;
	memcpy(buf, root_prefix, used);
	n = vsnprintf(buf + used, size - used, fmt, ap);
	return n < 0 || (size_t)n >= size - used ? -ENAMETOOLONG : 0;
}

int sd_root_path(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = root_vpath(buf, size, fmt, ap);
	va_end(ap);
	return r;
}

int sd_root_read(char *buf, size_t size, const char *fmt, ...)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	va_list ap;
	ssize_t n;
	char *p;
	int r;

	buf[0] = '\0';
	va_start(ap, fmt);
	r = root_vpath(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0) {
		r = -errno;
		buf[0] = '\0';
		return r;
	}
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	for (p = buf; isspace((unsigned char)*p); p++)
		;
	memmove(buf, p, strlen(p) + 1);
	for (p = buf + strlen(buf); p > buf && isspace((unsigned char)p[-1]);)
		*--p = '\0';
	return 0;
}
