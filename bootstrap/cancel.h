/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Being told to stop. The processes that work on a disk (batch.h) get SIGTERM for it, also when their
 * parent dies; long work looks here between two pieces of it, notes where it is, and ends with an error.
 */

#include "error.h"

#include <stdbool.h>

/*
 * From now on SIGTERM in this process is only noted. SIGINT and SIGHUP, which a terminal sends to all
 * of us, are ignored: the parent passes the wish on.
 */
void cancel_listen(void);

bool cancel_requested(void);

/* -ECANCELED ("cancelled") once it was requested, else 0. */
int cancel_check(struct sd_error *err);
