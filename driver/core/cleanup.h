/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Cleanup attributes: what a block owns is given back when the block is left. sd_steal() hands it on. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define DEFINE_CLEANUP(type, free_function)                 \
	static inline void free_function##_cleanup(type *p) \
	{                                                   \
		if (*p)                                     \
			free_function(*p);                  \
	}

static inline void sd_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void sd_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void sd_cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void sd_cleanup_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define _cleanup_free_ _cleanup_(sd_cleanup_free)
#define _cleanup_close_ _cleanup_(sd_cleanup_close)
#define _cleanup_fclose_ _cleanup_(sd_cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(sd_cleanup_closedir)

/* Hands a pointer (or an fd) to the caller and disarms the cleanup. */
#define sd_steal(p)                          \
	({                                   \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})
#define sd_steal_fd(fd)             \
	({                          \
		int stolen_ = (fd); \
		(fd) = -1;          \
		stolen_;            \
	})

#define SD_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
