/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A survey of a disk as JSON: the same words in list, show and the results of every command. */

#include "json.h"
#include "survey.h"

/* The disk's identity. NULL without memory. */
sd_json *describe_disk(const struct sd_disk *disk);

/* The disk and what lies on it. NULL without memory. */
sd_json *describe_survey(const struct survey *survey);

/* "xfs", "ext4 in LUKS2", "LUKS2", or "" when it could not be told. Returns buf. */
const char *describe_filesystem(const struct survey *survey, char *buf, size_t size);
