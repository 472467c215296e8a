/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `solodisk` of a bundle: static, libc only. Runs the node tool, which lies in tool/, by the bundle's own
 * loader with the bundle's own libraries (docs/design.md, "The bundle").
 */

#include "self.h"
#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	static char inhibit_cache[] = "--inhibit-cache", library_path[] = "--library-path";
	static char argv0[] = "--argv0", name[] = "solodisk";
	static char dir[PATH_MAX / 2], loader[PATH_MAX], libraries[PATH_MAX * 2], tool[PATH_MAX];
	static char modules[PATH_MAX];
	char **words = calloc((size_t)argc + 8, sizeof(*words));
	char *const head[] = { loader, inhibit_cache, library_path, libraries, argv0, name, tool };

	if (!words || sd_self_dir(dir, sizeof(dir)) < 0) {
		fprintf(stderr, "solodisk: cannot find my own directory; is /proc mounted?\n");
		return 1;
	}
	(void)snprintf(loader, sizeof(loader), "%s/driver/%s/%s", dir, SD_BUNDLE_LIBRARIES,
	        SD_BUNDLE_LOADER);
	(void)snprintf(libraries, sizeof(libraries), "%s/tool:%s/driver/%s", dir, dir,
	        SD_BUNDLE_LIBRARIES);
	(void)snprintf(tool, sizeof(tool), "%s/tool/solodisk", dir);
	/* OpenSSL's modules would be the host's. Its settings stay: they are the admin's. */
	(void)snprintf(modules, sizeof(modules), "%s/tool", dir);
	(void)setenv("OPENSSL_MODULES", modules, 1);
	(void)unsetenv("LD_PRELOAD"); /* libraries of the host, or of who knows whom */
	(void)unsetenv("LD_AUDIT");
	memcpy(words, head, sizeof(head));
	for (int i = 1; i < argc; i++)
		words[SD_ARRAY_SIZE(head) + (size_t)i - 1] = argv[i];
	(void)execv(loader, words);
	fprintf(stderr, "solodisk: cannot run %s: %s\n", loader, strerror(errno));
	return 1;
}
