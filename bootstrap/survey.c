/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "survey.h"
#include "cleanup.h"
#include "disk_answer.h"
#include "erase_record.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define LOCK_WAIT_MS 2000

const char *survey_state(const struct survey *survey)
{
	switch (survey->kind) {
	case SURVEY_BLANK:
		return "blank";
	case SURVEY_OURS:
		return sd_state_name(survey->mark.state);
	case SURVEY_DAMAGED:
		return "damaged";
	case SURVEY_TAKEN:
		return "foreign";
	case SURVEY_UNKNOWN:
		break;
	}
	return "unknown";
}

static void note(struct survey *survey, enum survey_kind kind, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

static void note(struct survey *survey, enum survey_kind kind, const char *fmt, ...)
{
	va_list ap;

	survey->kind = kind;
	va_start(ap, fmt);
	(void)vsnprintf(survey->note, sizeof(survey->note), fmt, ap);
	va_end(ap);
}

static void note_unknown(struct survey *survey, const struct sd_error *why)
{
	static const char words[] = "could not tell";
	bool has_them = strncmp(why->text, words, strlen(words)) == 0;

	note(survey, SURVEY_UNKNOWN, "%s%s%s", has_them ? "" : words, has_them ? "" : ": ",
	        why->text);
}

static bool is_mounted(struct survey *survey, const char *name, dev_t devno)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };

	if (sd_mounts_of_device(devno, &list, NULL) < 0 || list.n == 0)
		return false;
	note(survey, SURVEY_TAKEN, "%s is mounted at %s", name, list.mount[0].target);
	return true;
}

/* Without the right to read the disk: what everybody can see. */
static void look_from_outside(struct survey *survey, int code)
{
	_cleanup_partitions_ struct sd_partitions parts = { 0 };

	if (is_mounted(survey, survey->disk.name, survey->disk.devno))
		return;
	if (sd_disk_partitions(&survey->disk, &parts, NULL) == 0)
		for (size_t i = 0; i < parts.n; i++)
			if (is_mounted(survey, parts.partition[i].name, parts.partition[i].devno))
				return;
	if (code == EACCES || code == EPERM)
		note(survey, SURVEY_UNKNOWN, "could not tell: needs root");
}

static void look_at_content(struct survey *survey)
{
	_cleanup_close_ int fd = -1;
	const char *node = survey->partition;

	int r = -EIO;

	fd = open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		r = sd_probe_content(fd, node, &survey->content, NULL);
	survey->is_empty = r == -ENODATA;
	if (r < 0) {
		survey->content.type[0] = '\0';
		return;
	}
	survey->luks = strcmp(survey->content.type, "crypto_LUKS") == 0;
	if (!survey->luks)
		(void)snprintf(
		        survey->filesystem, sizeof(survey->filesystem), "%s", survey->content.type);
}

static void look_into_mapping(struct survey *survey)
{
	_cleanup_close_ int fd = -1;
	struct sd_content content;

	fd = open(survey->mapping.node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && sd_probe_content(fd, survey->mapping.node, &content, NULL) == 0)
		(void)snprintf(survey->filesystem, sizeof(survey->filesystem), "%s", content.type);
}

/* What the disk says of half-done work. Without a reason of its own, a failure may be in the record. */
static void look_at_half_done(struct survey *survey, int disk_fd)
{
	struct sd_note *note = &survey->half_done;
	_cleanup_close_ int fd = -1;

	if (survey->mark.state == SD_STATE_READY || survey->mark.state == SD_STATE_USED)
		return;
	if (sd_note_open(disk_fd, false, &fd, NULL) < 0 ||
	        sd_note_read(fd, survey->mark.id, note, NULL) < 0)
		*note = (struct sd_note){ .doing = "" };
	if (survey->mark.state == SD_STATE_FAILED && !note->reason[0])
		(void)erase_record_reason(
		        survey->disk.wwid, survey->mark.id, note->reason, sizeof(note->reason));
}

static void describe_erasing(const struct survey *survey, char *ret, size_t size)
{
	const struct sd_note *note = &survey->half_done;
	char since[ERASE_TIME_SIZE];

	if (note->method[0] && survey->mark.size)
		(void)snprintf(ret, size,
		        "being erased (%s, begun %s, %u%% done), or that was interrupted: \"erase\" "
		        "again goes on",
		        note->method, erase_time(note->since, since),
		        (unsigned)((double)note->done * 100 / (double)survey->mark.size));
	else
		(void)snprintf(ret, size,
		        "being erased, or that was interrupted: \"erase\" again goes on");
}

static void describe_failed(const struct survey *survey, char *ret, size_t size)
{
	const struct sd_note *note = &survey->half_done;
	char when[ERASE_TIME_SIZE] = "";

	if (note->failed_at)
		(void)erase_time(note->failed_at, when);
	if (note->reason[0])
		(void)snprintf(
		        ret, size, "failed%s%s: %s", when[0] ? " at " : "", when, note->reason);
	else
		(void)snprintf(ret, size,
		        "a step failed on this disk, see the log; for an operator to decide");
}

/* mounts: 0, or the negative errno for which they could not be told. */
static void note_volume(struct survey *survey, int mounts)
{
	const char *where = survey->mounts.n ? survey->mounts.mount[0].target : NULL;
	char buf[800];
	const char *text = buf;

	switch (survey->mark.state) {
	case SD_STATE_PREPARING:
		text = survey->half_done.doing[0]
		        ? "erased, and not made again yet: \"erase\" or \"prepare\" goes on"
		        : "being prepared, or that was interrupted: \"prepare\" again goes on";
		break;
	case SD_STATE_READY:
		text = "ready for its first tenant";
		break;
	case SD_STATE_USED:
		text = "has or had a tenant's data";
		break;
	case SD_STATE_ERASING:
		describe_erasing(survey, buf, sizeof(buf));
		break;
	case SD_STATE_FAILED:
		describe_failed(survey, buf, sizeof(buf));
		break;
	}
	note(survey, SURVEY_OURS, "%s%s%s%s%s%s%s", text, where ? "; mounted at " : "",
	        where ? where : "", mounts < 0 ? "; where it is mounted could not be told" : "",
	        survey->mark.disk_grew ? "; the disk has grown" : "",
	        survey->mapping_note[0] ? "; " : "", survey->mapping_note);
}

/* The volume's partition as the kernel shows it; nothing is done so that it does. */
static void find_partition(struct survey *survey)
{
	_cleanup_partitions_ struct sd_partitions parts = { 0 };

	if (sd_disk_partitions(&survey->disk, &parts, NULL) < 0)
		return;
	for (size_t i = 0; i < parts.n; i++) {
		const struct sd_partition *part = &parts.partition[i];

		if (part->number != survey->mark.number)
			continue;
		(void)snprintf(survey->partition, sizeof(survey->partition), "%s", part->node);
		survey->devno = part->devno;
	}
}

static void look_at_volume(struct survey *survey, int disk_fd)
{
	struct sd_error why = SD_ERROR_INIT;
	dev_t devno;
	int r = 0;

	look_at_half_done(survey, disk_fd);
	find_partition(survey);
	if (survey->partition[0]) {
		look_at_content(survey);
		devno = survey->devno;
		survey->mapping_open =
		        sd_crypt_find(survey->mark.id, devno, &survey->mapping, &why);
		if (survey->mapping_open < 0)
			(void)snprintf(
			        survey->mapping_note, sizeof(survey->mapping_note), "%s", why.text);
		if (survey->mapping_open > 0) {
			look_into_mapping(survey);
			devno = survey->mapping.devno;
		}
		r = sd_mounts_of_device(devno, &survey->mounts, NULL);
	}
	note_volume(survey, r);
}

void survey_preload(void)
{
	(void)sd_probe_preload(NULL);
	(void)sd_mounts_load(NULL);
}

void survey_disk(const struct sd_disk *disk, struct survey *ret)
{
	_cleanup_close_ int fd = -1;
	struct sd_error why = SD_ERROR_INIT;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->disk = *disk;
	r = sd_disk_answers(disk, SD_DISK_PATIENCE_MS, &why);
	if (r == 0)
		r = sd_disk_open(disk, O_RDONLY | O_CLOEXEC | O_NONBLOCK, &fd, &why);
	if (r < 0) {
		note_unknown(ret, &why);
		if (r != -ETIMEDOUT) /* else that is what must be known of it */
			look_from_outside(ret, -r);
		return;
	}
	r = sd_lock_disk(fd, LOCK_SH, disk->node, LOCK_WAIT_MS, &why);
	if (r == 0)
		r = sd_volume_read_mark(fd, disk, &ret->mark, &why);
	if (r == 0) {
		look_at_volume(ret, fd);
		return;
	}
	if (r == -ENOENT) {
		r = sd_disk_check_free(disk, fd, &why);
		if (r == 0)
			note(ret, SURVEY_BLANK, "blank, may be prepared");
	}
	if (r == 0)
		return;
	if (r == -EUCLEAN)
		note(ret, SURVEY_DAMAGED, "%s", why.text);
	else if (r == -EEXIST || r == -EBUSY || r == -EPERM)
		note(ret, SURVEY_TAKEN, "%s", why.text);
	else
		note_unknown(ret, &why);
}

void survey_free(struct survey *survey)
{
	sd_mount_list_free(&survey->mounts);
}
