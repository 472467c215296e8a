/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk_identity.h"
#include "cleanup.h"
#include "root.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* Whether an identifier is more than filler: zeros, blanks, or all ones. */
static bool identity_counts(const char *text)
{
	bool zeros = true, ones = true;

	for (; *text; text++) {
		if (strchr("-_ .:x", *text))
			continue;
		zeros = zeros && *text == '0';
		ones = ones && (*text == 'f' || *text == 'F');
	}
	return !zeros && !ones;
}

/*
 * Where the kernel knows no eui or nguid, NVMe's wwid is "nvme.<vendor>-<serial>-<model>-<nsid>" with
 * serial and model as hexadecimal bytes (wwid_show() in drivers/nvme/host): one without a serial
 * names a model, not a disk.
 */
static bool identity_nvme_counts(const char *wwid)
{
	const char *p = strchr(wwid, '-');

	if (!p)
		return false;
	for (p++; p[0] && p[0] != '-' && p[1] && p[1] != '-'; p += 2)
		if (strncmp(p, "20", 2) != 0 && strncmp(p, "30", 2) != 0 &&
		        strncmp(p, "00", 2) != 0)
			return true;
	return false;
}

static bool wwid_counts(const char *wwid)
{
	const char *dot = strchr(wwid, '.');

	if (!strncmp(wwid, "nvme.", 5))
		return identity_nvme_counts(wwid);
	return identity_counts(dot ? dot + 1 : wwid);
}

/* One spelling that can stand in a file name, a label and a command line. */
static void identity_clean(char *text)
{
	char *to = text;
	const char *from;

	for (from = text; *from; from++) {
		unsigned char c = (unsigned char)*from;

		if (isgraph(c) && c < 0x7f && !strchr("/\\\"'`$", c))
			*to++ = (char)c;
		else if (to == text || to[-1] != '_')
			*to++ = '_';
	}
	*to = '\0';
}

/* SCSI's unit serial number page: 4 bytes of header with the length, then text (SPC, 7.7). */
static void identity_vpd_serial(const char *name, char *ret, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	unsigned char page[256];
	size_t len, start = 0;
	ssize_t n;

	ret[0] = '\0';
	if (sd_root_path(path, sizeof(path), "/sys/block/%s/device/vpd_pg80", name) < 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, page, sizeof(page));
	if (n < 4 || page[1] != 0x80)
		return;
	len = (size_t)page[2] << 8 | page[3];
	if (len > (size_t)n - 4)
		len = (size_t)n - 4;
	while (len && (page[4 + len - 1] == ' ' || !page[4 + len - 1]))
		len--;
	while (start < len && page[4 + start] == ' ')
		start++;
	(void)snprintf(ret, size, "%.*s", (int)(len - start), (const char *)page + 4 + start);
}

static void identity_texts(struct sd_disk *d)
{
	char vendor[16], model[48];

	if (!strcmp(d->transport, "scsi")) {
		(void)sd_root_read(vendor, sizeof(vendor), "/sys/block/%s/device/vendor", d->name);
		(void)sd_root_read(model, sizeof(model), "/sys/block/%s/device/model", d->name);
		if (!strcmp(vendor, "ATA")) /* the translation layer's name, not the maker's */
			vendor[0] = '\0';
		(void)snprintf(d->model, sizeof(d->model), "%s%s%s", vendor,
		        vendor[0] && model[0] ? " " : "", model);
		identity_vpd_serial(d->name, d->serial, sizeof(d->serial));
		return;
	}
	if (sd_root_read(d->model, sizeof(d->model), "/sys/block/%s/device/model", d->name) < 0)
		(void)sd_root_read(
		        d->model, sizeof(d->model), "/sys/block/%s/device/name", d->name);
	if (sd_root_read(d->serial, sizeof(d->serial), "/sys/block/%s/device/serial", d->name) < 0)
		(void)sd_root_read(d->serial, sizeof(d->serial), "/sys/block/%s/serial", d->name);
}

void sd_disk_read_wwid(struct sd_disk *d)
{
	if (!strcmp(d->transport, "loop"))
		return; /* its number says nothing of the file behind it */
	if (sd_root_read(d->wwid, sizeof(d->wwid), "/sys/block/%s/wwid", d->name) < 0)
		(void)sd_root_read(d->wwid, sizeof(d->wwid), "/sys/block/%s/device/wwid", d->name);
	if (!wwid_counts(d->wwid)) {
		d->wwid[0] = '\0';
		identity_texts(d);
		if (identity_counts(d->serial))
			(void)snprintf(d->wwid, sizeof(d->wwid), "serial:%s:%s",
			        d->model[0] ? d->model : d->transport, d->serial);
	}
	identity_clean(d->wwid);
}

void sd_disk_read_identity(struct sd_disk *d)
{
	sd_disk_read_wwid(d);
	if (strcmp(d->transport, "loop") != 0)
		identity_texts(d);
}
