/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "library.h"
#include "cleanup.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int sd_library_load(
        const char *file, const char *const *names, size_t n, void *functions, struct sd_error *err)
{
	void *const *filled = functions;
	void *found[64];
	void *library;

	if (filled[0])
		return 0;
	if (n > SD_ARRAY_SIZE(found))
		return sd_error_set(err, E2BIG, "%zu functions of %s are too many", n, file);
	library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
	if (!library)
		return sd_error_set(
		        err, ELIBACC, "%s cannot be loaded on this node: %s", file, dlerror());
	for (size_t i = 0; i < n; i++) {
		found[i] = dlsym(library, names[i]);
		if (!found[i])
			return sd_error_set(err, ELIBACC,
			        "%s on this node is too old: it has no %s", file, names[i]);
	}
	memcpy(functions, found, n * sizeof(found[0]));
	return 0;
}
