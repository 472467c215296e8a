/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The mounts as kubelet has them. Stages lie on an unbindable mount of the namespace that the driver runs in, which
 * is kubelet's: no container sees them, the agent's neither, and an rmdir of a stage from elsewhere would detach
 * it there without a question. So who looks for stages, or takes them away, does it in that namespace.
 */

#include "error.h"

/*
 * Goes into the mount namespace of kubelet, or of process 1 if no kubelet runs; for a process with one thread.
 * *ret_own is for node_view_leave(). Stays where it is, which is no error, if it is there already (so does a container
 * without the host's processes, which sees none but its own) or below a root prefix. Errors: kubelet ended meanwhile.
 */
int node_view_enter(int *ret_own, struct sd_error *err);
/* Back again. An error is final: programs and libraries are not where they were. */
int node_view_leave(int own, struct sd_error *err);
