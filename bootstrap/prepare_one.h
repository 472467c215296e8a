/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How a command tells what came of preparing one disk. */

#include "commands.h"
#include "disk.h"
#include "prepare.h"

/* Prints the result: a line of text, or the event "done". */
int prepare_report(const struct tool *tool, const struct recipe *recipe, const struct sd_disk *disk,
        const struct outcome *outcome, struct sd_error *err);
