/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Runs, in the root /bare, what has this program's own path there, with the same arguments; so a test calls
 * the driver of that root where the node's would be.
 */

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)argc;
	if (n < 0 || chroot("/bare") < 0 || chdir("/") < 0)
		perror("/bare");
	else {
		path[n] = '\0';
		(void)execv(path, argv);
		perror(path);
	}
	return 127;
}
