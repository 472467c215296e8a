/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* All that publishes PersistentVolumes, in the order in which it is asked; NULL at the end. */

#include "agent.h"

extern const struct source *const sources[];
