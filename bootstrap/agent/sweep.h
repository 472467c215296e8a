/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Takes away what kubelet has forgotten: stages that mount made and mappings of volumes, where no pod uses
 * them any more and no call is at work. What is used, or belongs to kubelet, stays.
 */

#include "children.h"

/* The work of a child; disk is NULL. Of several errors the last is told. */
int sweep_run(void *data, const struct sd_disk *disk, size_t i, const struct events *events,
        struct outcome *ret, struct sd_error *err);
