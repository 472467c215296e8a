/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "erase_record.h"
#include "cleanup.h"
#include "json.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORY "/var/lib/solodisk"
#define NAME "erase.log"

const char *erase_time(uint64_t seconds, char ret[ERASE_TIME_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(ret, ERASE_TIME_SIZE, "%FT%TZ", &tm) == 0)
		ret[0] = '\0';
	return ret;
}

/* Whoever else could write there could make us append to any file. */
static int open_directory(bool make, int *ret_fd, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	struct stat st;

	if (sd_root_path(path, sizeof(path), DIRECTORY) < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of " DIRECTORY " is too long");
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return sd_error_errno(err, errno, "cannot make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot open %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return sd_error_set(
		        err, EPERM, "others than root may write to %s, so it is not used", path);
	*ret_fd = sd_steal_fd(fd);
	return 0;
}

static const char *result_word(int code)
{
	if (code == 0)
		return "done";
	return code == -ECANCELED ? "cancelled" : "failed";
}

static const char *or_null(const char *text)
{
	return text && text[0] ? text : NULL;
}

static sd_json *verified_json(const struct erase_record *record)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_int(json, "bytes", (int64_t)record->verified);
	(void)sd_json_set_string(json, "as", record->verified_as);
	return json;
}

static sd_json *record_json(const struct erase_record *record)
{
	sd_json *json = sd_json_object();
	char when[ERASE_TIME_SIZE];

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "time", erase_time((uint64_t)record->began, when));
	(void)sd_json_set_string(json, "wwid", or_null(record->disk->wwid));
	(void)sd_json_set_string(json, "serial", or_null(record->disk->serial));
	(void)sd_json_set_string(json, "model", or_null(record->disk->model));
	(void)sd_json_set_string(json, "volumeID", record->id);
	(void)sd_json_set_string(json, "newVolumeID", or_null(record->new_id));
	(void)sd_json_set_string(json, "method", record->method);
	(void)sd_json_set_int(json, "bytes", (int64_t)record->bytes);
	(void)sd_json_set_bool(json, "resumed", record->resumed);
	if (record->resumed)
		(void)sd_json_set_int(json, "from", (int64_t)record->from);
	if (record->verified_as)
		(void)sd_json_set(json, "verified", verified_json(record));
	(void)sd_json_set_int(json, "seconds", (int64_t)record->seconds);
	(void)sd_json_set_string(json, "result", result_word(record->code));
	if (record->code)
		(void)sd_json_set_string(json, "reason", record->reason);
	return json;
}

/* Several erases may append at once, from several processes: one write each. */
static int append(int directory, const char *line, size_t length, struct sd_error *err)
{
	_cleanup_close_ int fd = openat(directory, NAME,
	        O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	        0600);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot open " DIRECTORY "/" NAME);
	if (!S_ISREG(st.st_mode))
		return sd_error_set(err, EINVAL, DIRECTORY "/" NAME " is no file");
	n = write(fd, line, length);
	if (n != (ssize_t)length)
		return sd_error_errno(
		        err, n < 0 ? errno : ENOSPC, "cannot write to " DIRECTORY "/" NAME);
	if (fsync(fd) < 0)
		return sd_error_errno(err, errno, "cannot flush " DIRECTORY "/" NAME);
	return 0;
}

int erase_record_append(const struct erase_record *record, struct sd_error *err)
{
	_cleanup_json_ sd_json *json = record_json(record);
	_cleanup_free_ char *text = json ? sd_json_line(json) : NULL;
	_cleanup_free_ char *line = NULL;
	_cleanup_close_ int directory = -1;
	int length, r;

	if (!text || (length = asprintf(&line, "%s\n", text)) < 0)
		return sd_error_set(err, ENOMEM, "no memory for the erase record");
	r = open_directory(true, &directory, err);
	return r < 0 ? r : append(directory, line, (size_t)length, err);
}

/* 1: this line is one of the volume, *ret_reason what it says ("" when that erase did not fail). */
static int line_reason(
        const char *line, size_t length, const char *wwid, const char *id, char *ret, size_t size)
{
	static const char *const keys[] = { "wwid", "volumeID", "result" };
	_cleanup_json_ sd_json *json = NULL;
	const char *values[3] = { "", "", "" }, *reason = "";

	if (sd_json_parse(line, length, &json, NULL) < 0)
		return 0;
	for (size_t i = 0; i < SD_ARRAY_SIZE(keys); i++)
		(void)sd_json_get_string(json, keys[i], &values[i], NULL);
	if (strcmp(values[0], wwid) != 0 || strcmp(values[1], id) != 0)
		return 0;
	(void)sd_json_get_string(json, "reason", &reason, NULL);
	(void)snprintf(ret, size, "%s", strcmp(values[2], "failed") == 0 ? reason : "");
	return 1;
}

int erase_record_reason(const char *wwid, const char *id, char *ret_reason, size_t size)
{
	_cleanup_close_ int directory = -1;
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	char reason[600] = "";
	size_t allocated = 0;
	ssize_t n;
	int fd;

	if (open_directory(false, &directory, NULL) < 0)
		return 0;
	fd = openat(directory, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (!f)
		return 0;
	while ((n = getline(&line, &allocated, f)) > 0)
		if (strstr(line, id))
			(void)line_reason(line, (size_t)n, wwid, id, reason, sizeof(reason));
	if (!reason[0])
		return 0;
	(void)snprintf(ret_reason, size, "%s", reason);
	return 1;
}
