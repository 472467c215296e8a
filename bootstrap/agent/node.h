/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The agent's Node object, and the PersistentVolumes that are bound to it. */

#include "agent.h"

/* Asks for the Node until it is there; then watches its PersistentVolumes. */
void node_begin(struct agent *agent);

/*
 * An object as the API server answered it counts at once, before the watch brings it: so nothing is done
 * twice. The sources are told of a change.
 */
void node_pv_put(struct agent *agent, const sd_json *object);
/* The API server said that there is none of that name any more. */
void node_pv_gone(struct agent *agent, const char *name);
