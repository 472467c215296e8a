/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "self.h"
#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

int sd_self_loader(char *buf, size_t size)
{
	static const char end[] = "/" SD_BUNDLE_LIBRARIES "/" SD_BUNDLE_LOADER;
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < (ssize_t)sizeof(end) || (size_t)n >= size)
		return -ENOENT;
	path[n] = '\0';
	if (strcmp(path + n - (sizeof(end) - 1), end) != 0)
		return -ENOENT;
	memcpy(buf, path, (size_t)n + 1);
	return 0;
}

/*
 * /proc/self/exe is exact, also when a link that led here shows elsewhere by now. The loader of a bundle
 * puts the program that it runs in AT_EXECFN (glibc's rtld.c), in the place of its own name.
 */
int sd_self_dir(char *buf, size_t size)
{
	char path[PATH_MAX], loader[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *name =
	        (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
	char *slash;

	if (n > 0 && sd_self_loader(loader, sizeof(loader)) < 0)
		path[n] = '\0';
	else if (!name || !realpath(name, path))
		return -ENOENT;
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + 1 > size)
		return -ENAMETOOLONG;
	*slash = '\0';
	memcpy(buf, path, (size_t)(slash - path) + 1);
	return 0;
}
