/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"
#include "root.h"

#include <stdio.h>
#include <string.h>

/* /proc/PID/stat: "12 (any name) D 1 ..."; the name may have parentheses of its own. */
static char state_of(int pid)
{
	char line[256];
	const char *end;

	if (sd_root_read(line, sizeof(line), "/proc/%d/stat", pid) < 0)
		return '?';
	end = strrchr(line, ')');
	return end && end[1] == ' ' ? end[2] : '?';
}

void sd_process_describe(int pid, const char *name, char *buf, size_t size)
{
	const char *stuck =
	        state_of(pid) == 'D' ? ", stuck in the kernel: its disk may not answer" : "";
	char comm[64] = "";

	if (!name && sd_root_read(comm, sizeof(comm), "/proc/%d/comm", pid) < 0)
		(void)snprintf(comm, sizeof(comm), "its name is not known");
	(void)snprintf(buf, size, "process %d (%.40s%s)", pid, name ? name : comm, stuck);
}
