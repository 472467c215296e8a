/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The directories of the configuration as a source of PersistentVolumes: the local static provisioner's job. */

#include "agent.h"

extern const struct source directories_source;
