/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The question before anything is destroyed. */

#include "commands.h"
#include "disk.h"
#include "error.h"

#include <stddef.h>

/*
 * Shows the disks (name, size, model, serial, WWID) below what ("These disks will be erased:"), and
 * takes the word "yes" from the terminal. 0: yes; -ECANCELED: any other answer; -EPERM: there is no
 * terminal to ask at, or a question would stand in the midst of JSON.
 */
int ask_yes(const struct tool *tool, const char *what, const struct sd_disk *disks, size_t n,
        struct sd_error *err);
