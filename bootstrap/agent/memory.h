/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The agent's memory, kept small: a while after something happened, what only that needed is given back.
 * That is the heap's free pages, and the pages of programs and libraries that were read (the kernel has
 * them still, and maps them again when they are run).
 */

#include <uv.h>

struct memory {
	uv_check_t turn;
	uv_timer_t later;
};

/* Before anything large is allocated. Neither handle keeps the loop alive. */
void memory_open(uv_loop_t *loop, struct memory *ret);
void memory_close(struct memory *memory); /* may be called twice */
