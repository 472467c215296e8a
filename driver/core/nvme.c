/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nvme.h"
#include "cleanup.h"

#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/* Admin commands, and what Identify returns (CNS). */
#define IDENTIFY 0x06
#define FORMAT_NVM 0x80
enum { CNS_NAMESPACE = 0, CNS_CONTROLLER = 1, CNS_ACTIVE_LIST = 2, CNS_ALLOCATED_LIST = 16 };

/* Identify Controller: where its fields are, and their bits. */
#define OACS_AT 256 /* 16 bits */
#define OACS_FORMAT (1u << 1)
#define OACS_NAMESPACES (1u << 3) /* namespaces can be made, so some may be there unattached */
#define FNA_AT 524
#define FNA_FORMAT_ALL (1u << 0)
#define FNA_ERASE_ALL (1u << 1)
#define FNA_CRYPTO (1u << 2)

/* Identify Namespace */
#define FLBAS_AT 26
#define DPS_AT 29

/* Format NVM, command dword 10 */
#define SES_USER_DATA (1u << 9)
#define SES_CRYPTO (2u << 9)

#define FORMAT_TIMEOUT_MS (12u * 3600 * 1000) /* a large disk may overwrite itself */

static uint32_t get16(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

/* The command keeps what it is not to change: LBA format, metadata setting, protection. */
static uint32_t present_format(const unsigned char *namespace)
{
	uint32_t flbas = namespace[FLBAS_AT], dps = namespace[DPS_AT];

	return (flbas & 0x0f) | (flbas & 0x10) | (dps & 0x07) << 5 | (dps >> 3 & 1) << 8 |
	        (flbas >> 5 & 3) << 12;
}

int sd_nvme_decide(
        const struct sd_nvme_identity *identity, struct sd_nvme_format *ret, struct sd_error *err)
{
	uint32_t oacs = get16(identity->controller + OACS_AT);
	uint32_t fna = identity->controller[FNA_AT];
	unsigned others = 0;
	bool found = false;

	if (!(oacs & OACS_FORMAT))
		return sd_error_set(err, EOPNOTSUPP, "the controller knows no Format NVM command");
	for (unsigned i = 0; i < SD_NVME_IDENTIFY_SIZE / 4; i++) {
		uint32_t nsid = get32(identity->list + (size_t)i * 4);

		if (!nsid)
			break;
		if (nsid == identity->nsid)
			found = true;
		else
			others++;
	}
	if (!found)
		return sd_error_set(err, EOPNOTSUPP,
		        "the controller does not list namespace %u among its own, so what a format "
		        "would reach cannot be told",
		        identity->nsid);
	if (others && (fna & (FNA_FORMAT_ALL | FNA_ERASE_ALL)))
		return sd_error_set(err, EOPNOTSUPP,
		        "the controller formats or erases all its namespaces at once, and there %s %u "
		        "more than this one",
		        others == 1 ? "is" : "are", others);
	*ret = (struct sd_nvme_format){
		.nsid = identity->nsid,
		.cdw10 = present_format(identity->namespace) |
		        (fna & FNA_CRYPTO ? SES_CRYPTO : SES_USER_DATA),
		.crypto = fna & FNA_CRYPTO,
	};
	return 0;
}

/* A positive answer of the ioctl is the controller's status. */
static int admin(int fd, struct nvme_admin_cmd *command, const char *what, struct sd_error *err)
{
	int r = ioctl(fd, NVME_IOCTL_ADMIN_CMD, command);

	if (r < 0)
		return sd_error_errno(err, errno, "%s", what);
	if (r > 0)
		return sd_error_set(err, EPROTO, "%s: the controller answered with status 0x%x",
		        what, (unsigned)r);
	return 0;
}

static int identify(int fd, unsigned cns, uint32_t nsid, unsigned char *ret, struct sd_error *err)
{
	struct nvme_admin_cmd command = {
		.opcode = IDENTIFY,
		.nsid = nsid,
		.addr = (uint64_t)(uintptr_t)ret,
		.data_len = SD_NVME_IDENTIFY_SIZE,
		.cdw10 = cns,
	};

	return admin(fd, &command, "the controller cannot be asked what it is", err);
}

int sd_nvme_format_plan(int fd, struct sd_nvme_format *ret, struct sd_error *err)
{
	_cleanup_free_ unsigned char *buf = NULL;
	struct sd_nvme_identity identity;
	unsigned list = CNS_ACTIVE_LIST;
	int nsid, r;

	nsid = ioctl(fd, NVME_IOCTL_ID);
	if (nsid <= 0)
		return sd_error_set(err, EOPNOTSUPP, "it is no NVMe namespace");
	buf = aligned_alloc(SD_NVME_IDENTIFY_SIZE, (size_t)3 * SD_NVME_IDENTIFY_SIZE);
	if (!buf)
		return sd_error_set(err, ENOMEM, "no memory to ask the controller");
	identity = (struct sd_nvme_identity){
		.nsid = (uint32_t)nsid,
		.controller = buf,
		.namespace = buf + SD_NVME_IDENTIFY_SIZE,
		.list = buf + (size_t)2 * SD_NVME_IDENTIFY_SIZE,
	};
	r = identify(fd, CNS_CONTROLLER, 0, buf, err);
	if (r == 0)
		r = identify(fd, CNS_NAMESPACE, identity.nsid, buf + SD_NVME_IDENTIFY_SIZE, err);
	if (r < 0)
		return r;
	if (get16(buf + OACS_AT) & OACS_NAMESPACES)
		list = CNS_ALLOCATED_LIST;
	r = identify(fd, list, 0, buf + (size_t)2 * SD_NVME_IDENTIFY_SIZE, err);
	return r < 0 ? r : sd_nvme_decide(&identity, ret, err);
}

int sd_nvme_format(int fd, const struct sd_nvme_format *format, struct sd_error *err)
{
	struct nvme_admin_cmd command = {
		.opcode = FORMAT_NVM,
		.nsid = format->nsid,
		.cdw10 = format->cdw10,
		.timeout_ms = FORMAT_TIMEOUT_MS,
	};

	return admin(fd, &command, "the namespace cannot be formatted", err);
}
