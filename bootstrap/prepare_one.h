/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Preparing one disk of a command: with its progress, its result and its error told. */

#include "commands.h"
#include "disk.h"
#include "prepare.h"

/* Reports all itself. Returns an exit code, for batch_run(). */
int prepare_one(const struct tool *tool, const struct prepare *prepare, const struct sd_disk *disk);
