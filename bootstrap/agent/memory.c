/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define LATER_MS 10000
#define LARGE (64 << 10) /* from here on a piece has pages of its own, which go when it is freed */

/*
 * Segments that are not written to are the file's own pages, so that nothing is lost. Those that the
 * linker wrote to, and protects since (relro), are within a writable one.
 */
static int let_go(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t page = *(uintptr_t *)data;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
		uintptr_t end = (begin + segment->p_memsz + page - 1) & ~(page - 1);

		begin &= ~(page - 1);
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED); /* NOLINT */
	}
	return 0;
}

static void on_later(uv_timer_t *later)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)later;
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(let_go, &page);
}

/* Something has happened: not a timer alone, ours among them, since only what is waited for ends a poll. */
static void on_turn(uv_check_t *turn)
{
	struct memory *memory = turn->data;

	if (!uv_is_active((uv_handle_t *)&memory->later))
		(void)uv_timer_start(&memory->later, on_later, LATER_MS, 0);
}

void memory_open(uv_loop_t *loop, struct memory *ret)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE);
	(void)uv_check_init(loop, &ret->turn);
	(void)uv_timer_init(loop, &ret->later);
	ret->turn.data = ret;
	(void)uv_check_start(&ret->turn, on_turn);
	uv_unref((uv_handle_t *)&ret->turn);
	uv_unref((uv_handle_t *)&ret->later);
}

void memory_close(struct memory *memory)
{
	if (!memory->turn.data || uv_is_closing((uv_handle_t *)&memory->turn))
		return;
	uv_close((uv_handle_t *)&memory->turn, NULL);
	uv_close((uv_handle_t *)&memory->later, NULL);
}
