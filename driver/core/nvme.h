/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Format NVM with a secure erase: an NVMe namespace forgets its data by its own means (NVM Express base
 * specification 1.4, 5.23; the admin command goes by ioctl to the controller). It takes the partition
 * table with it, and on some controllers the other namespaces too: those are refused.
 */

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

#define SD_NVME_IDENTIFY_SIZE 4096

struct sd_nvme_format {
	uint32_t nsid;
	uint32_t cdw10; /* the command's: the namespace's LBA format as it is, and how to erase */
	bool crypto;    /* by changing the key of the medium, else by erasing the user data */
};

/*
 * Asks the controller behind a namespace's disk (fd) what it can. Returns 0 and *ret; -EOPNOTSUPP: no
 * such command, or not for this namespace alone, err says why; other errors: could not be told.
 */
int sd_nvme_format_plan(int fd, struct sd_nvme_format *ret, struct sd_error *err);

/*
 * Carries it out, which may take seconds or hours, and cannot be interrupted. -EPROTO: the controller
 * answered with an error; what is on the namespace then is not known.
 */
int sd_nvme_format(int fd, const struct sd_nvme_format *format, struct sd_error *err);

/* What a controller said of itself, as read: for the decision, and for tests of it. */
struct sd_nvme_identity {
	uint32_t nsid;
	const unsigned char *controller; /* SD_NVME_IDENTIFY_SIZE bytes each: Identify, CNS 1 */
	const unsigned char *namespace;  /* CNS 0 */
	const unsigned char *list;       /* of namespace IDs, ended by a 0: CNS 2 or 16 */
};

int sd_nvme_decide(
        const struct sd_nvme_identity *identity, struct sd_nvme_format *ret, struct sd_error *err);
