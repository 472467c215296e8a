/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The log is syslog alone: kubelet reads stdout and stderr of a driver together as one JSON document
 * (driver-call.go), so nothing else may ever reach either. No message carries a secret.
 */

#include <syslog.h>

/* Opens the log; name is what stands before each line and must stay valid. */
void sd_log_open(const char *name);

/* Writes one line. priority is one of syslog.h's (LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO). */
void sd_log(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
