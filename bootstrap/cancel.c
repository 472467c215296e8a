/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cancel.h"

#include <errno.h>
#include <signal.h>

static volatile sig_atomic_t requested;

static void note(int signal_number)
{
	(void)signal_number;
	requested = 1;
}

void cancel_listen(void)
{
	/* SA_RESTART: no library between us and the disk need know of it. */
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART };

	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

bool cancel_requested(void)
{
	return requested;
}

int cancel_check(struct sd_error *err)
{
	return requested ? sd_error_set(err, ECANCELED, "cancelled") : 0;
}
