/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The mark between the parts of volume.[ch]: how the table's numbers and names are read and made. */

#include "gpt.h"
#include "volume.h"

#define SD_MIB (1ull << 20)

/*
 * Where libfdisk puts what it writes, as everybody does: MBR, header and entries from the first sector
 * on; entries and header up to the last. Of our entries only one sector is not zero, so that a torn
 * write of them has either arrived or not.
 */
#define SD_MARK_PRIMARY_SECTORS 2 /* MBR and header */
#define SD_MARK_ENTRIES_SIZE 16384

/* The partition's name for a mark's state and ID: solodisk-used-1a2b3c4d. */
void sd_mark_name(const struct sd_mark *mark, char ret[SD_GPT_NAME_SIZE]);

/* As sd_volume_read_mark(), and what the tables say (*ret_gpt). */
int sd_mark_read(int fd, const struct sd_disk *disk, struct sd_mark *ret, struct sd_gpt *ret_gpt,
        struct sd_error *err);

/*
 * Writes the table that mark says and reads both copies back. fd is any open fd of the disk. 0 only
 * when both copies and the protective MBR are on the disk as meant; *mark then is what was read.
 */
int sd_mark_write(int fd, const struct sd_disk *disk, const char *disk_guid, struct sd_mark *mark,
        struct sd_error *err);

/* Where the partition lies on a disk of this size: from 1 MiB, in whole MiB, to 1 MiB before the end. */
void sd_mark_layout(uint64_t disk_size, uint64_t *ret_start, uint64_t *ret_size);

/* The GUID of the table that counts. */
const char *sd_mark_disk_guid(const struct sd_gpt *gpt);

/* Reads the mark of an open volume again. -ESTALE: it is another volume's by now. ret_gpt may be NULL. */
int sd_volume_reread(struct sd_volume *volume, struct sd_gpt *ret_gpt, struct sd_error *err);

/* The same, and mends the table if it needs it. LOCK_EX held. */
int sd_volume_repair(struct sd_volume *volume, struct sd_error *err);

/* Writes another mark over a volume's. LOCK_EX held, else -ENOLCK. */
int sd_volume_write(struct sd_volume *volume, const struct sd_mark *want, struct sd_error *err);
