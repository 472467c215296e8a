/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"
#include "cleanup.h"

#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *log_name = "solodisk";

void sd_log_open(const char *name)
{
	log_name = name;
}

/*
 * Not by syslog(3), which waits for ever for a journal that does not read, with the volume's lock held:
 * a line that cannot be had at once is lost.
 */
void sd_log(int priority, const char *fmt, ...)
{
	static const struct sockaddr_un log = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[1200], line[1400];
	va_list ap;
	int n;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = snprintf(line, sizeof(line), "<%d>%s[%d]: %s", LOG_DAEMON | priority, log_name,
	        getpid(), text);
	if (fd >= 0 && n > 0)
		(void)sendto(fd, line, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&log,
		        sizeof(log));
}
