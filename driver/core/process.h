/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A process in an operator's words. */

#include <stddef.h>

/*
 * "process 12 (postgres)", and if it sleeps where no signal wakes it ("D" in ps): "process 12 (postgres,
 * stuck in the kernel: its disk may not answer)". name NULL: what /proc says it is called.
 */
void sd_process_describe(int pid, const char *name, char *buf, size_t size);
