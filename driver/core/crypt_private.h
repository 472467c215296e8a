/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* LUKS2's default data offset, which sd_crypt_format() sets and sd_crypt_erase() overwrites. */

#define SD_CRYPT_DATA_OFFSET (16ull << 20)
