/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"
#include "cleanup.h"
#include "json.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_DIR "/run/solodisk/volume"

static int record_path(
        const char *id, const char *suffix, char *buf, size_t size, struct sd_error *err)
{
	if (sd_root_path(buf, size, RECORD_DIR "/%s.json%s", id, suffix) < 0)
		return sd_error_set(
		        err, ENAMETOOLONG, "the path of the volume's record is too long");
	return 0;
}

int sd_record_set(char **field, const char *value, struct sd_error *err)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return sd_error_set(err, ENOMEM, "out of memory");
	free(*field);
	*field = copy;
	return 0;
}

int sd_record_add_target(struct sd_record *record, const char *target, struct sd_error *err)
{
	char **grown;

	if (sd_record_has_target(record, target))
		return 0;
	grown = realloc(record->targets, (record->n_targets + 1) * sizeof(*grown));
	if (!grown)
		return sd_error_set(err, ENOMEM, "out of memory");
	record->targets = grown;
	grown[record->n_targets] = strdup(target);
	if (!grown[record->n_targets])
		return sd_error_set(err, ENOMEM, "out of memory");
	record->n_targets++;
	return 0;
}

void sd_record_remove_target(struct sd_record *record, const char *target)
{
	for (size_t i = 0; i < record->n_targets; i++) {
		if (strcmp(record->targets[i], target) != 0)
			continue;
		free(record->targets[i]);
		record->targets[i] = record->targets[--record->n_targets];
		return;
	}
}

bool sd_record_has_target(const struct sd_record *record, const char *target)
{
	for (size_t i = 0; i < record->n_targets; i++)
		if (strcmp(record->targets[i], target) == 0)
			return true;
	return false;
}

void sd_record_free(struct sd_record *record)
{
	for (size_t i = 0; i < record->n_targets; i++)
		free(record->targets[i]);
	free(record->targets);
	free(record->stage);
	free(record->doing);
	*record = (struct sd_record){ 0 };
}

static int read_targets(const sd_json *json, struct sd_record *record, struct sd_error *err)
{
	const sd_json *targets = sd_json_get(json, "targets");

	for (size_t i = 0; i < sd_json_size(targets); i++) {
		const char *target = sd_json_as_string(sd_json_at(targets, i));
		int r = target ? sd_record_add_target(record, target, err)
		               : sd_error_set(err, EINVAL, "a target is not a string");

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_string(const sd_json *json, const char *key, char **field, struct sd_error *err)
{
	const char *value = NULL;
	int r = sd_json_get_string(json, key, &value, err);

	return r < 0 ? r : sd_record_set(field, value, err);
}

static int from_json(const sd_json *json, struct sd_record *record, struct sd_error *err)
{
	const char *call = "";
	int ours = 0;
	int is_new = 0;
	int committed = 0;
	int64_t devno = 0;
	int r;

	if ((r = read_string(json, "stage", &record->stage, err)) < 0 ||
	        (r = read_string(json, "doing", &record->doing, err)) < 0 ||
	        (r = sd_json_get_bool(json, "stageIsOurs", &ours, err)) < 0 ||
	        (r = sd_json_get_bool(json, "stageIsNew", &is_new, err)) < 0 ||
	        (r = sd_json_get_bool(json, "committed", &committed, err)) < 0 ||
	        (r = sd_json_get_int(json, "device", &devno, err)) < 0 ||
	        (r = sd_json_get_string(json, "call", &call, err)) < 0)
		return r;
	if (strlen(call) >= sizeof(record->call))
		return sd_error_set(err, EINVAL, "\"call\" is too long");
	memcpy(record->call, call, strlen(call) + 1);
	record->stage_is_ours = ours;
	record->devno = (dev_t)devno;
	record->stage_is_new = is_new;
	record->committed = committed;
	return read_targets(json, record, err);
}

int sd_record_read(const char *id, struct sd_record *ret, struct sd_error *err)
{
	_cleanup_record_ struct sd_record record = { 0 };
	_cleanup_json_ sd_json *json = NULL;
	char path[PATH_MAX];
	int r;

	memcpy(record.id, id, SD_ID_SIZE);
	r = record_path(id, "", path, sizeof(path), err);
	if (r < 0)
		return r;
	r = sd_json_load(path, &json, err);
	if (r == -ENOENT)
		sd_error_clear(err);
	else if (r < 0)
		return r;
	else if ((r = from_json(json, &record, err)) < 0)
		return sd_error_wrap(err, "%s", path);
	*ret = record;
	record = (struct sd_record){ 0 };
	return 0;
}

static sd_json *to_json(const struct sd_record *record)
{
	sd_json *json = sd_json_object();
	sd_json *targets = sd_json_array();
	int r = 0;

	for (size_t i = 0; i < record->n_targets; i++)
		r |= sd_json_append(targets, sd_json_string(record->targets[i]));
	r |= sd_json_set_string(json, "volumeID", record->id);
	r |= sd_json_set_string(json, "stage", record->stage);
	r |= sd_json_set_int(json, "device", (int64_t)record->devno);
	r |= sd_json_set_bool(json, "stageIsOurs", record->stage_is_ours);
	r |= sd_json_set(json, "targets", targets);
	r |= sd_json_set_string(json, "call", record->call);
	r |= sd_json_set_string(json, "doing", record->doing);
	r |= sd_json_set_bool(json, "stageIsNew", record->stage_is_new);
	r |= sd_json_set_bool(json, "committed", record->committed);
	if (r < 0) {
		sd_json_free(json);
		return NULL;
	}
	return json;
}

static int make_directories(struct sd_error *err)
{
	static const char *const dirs[] = { "/run/solodisk", RECORD_DIR };
	char path[PATH_MAX];

	for (size_t i = 0; i < SD_ARRAY_SIZE(dirs); i++) {
		if (sd_root_path(path, sizeof(path), "%s", dirs[i]) < 0)
			return sd_error_set(
			        err, ENAMETOOLONG, "the path of %s is too long", dirs[i]);
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return sd_error_errno(err, errno, "cannot make the directory %s", path);
	}
	return 0;
}

/* /run is memory: the rename is what makes the change whole, there is nothing to flush. */
static int replace_file(
        const char *path, const char *temporary, const char *text, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	size_t len = strlen(text);
	size_t done = 0;

	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot write %s", temporary);
	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0)
			return sd_error_errno(err, errno, "cannot write %s", temporary);
		done += (size_t)n;
	}
	if (rename(temporary, path) < 0)
		return sd_error_errno(err, errno, "cannot replace %s", path);
	return 0;
}

int sd_record_write(const struct sd_record *record, struct sd_error *err)
{
	_cleanup_json_ sd_json *json = NULL;
	_cleanup_free_ char *text = NULL;
	char temporary[PATH_MAX];
	char path[PATH_MAX];
	int r;

	if ((r = record_path(record->id, "", path, sizeof(path), err)) < 0 ||
	        (r = record_path(record->id, ".new", temporary, sizeof(temporary), err)) < 0)
		return r;
	if (!record->stage && !record->doing && record->n_targets == 0) {
		if (unlink(path) < 0 && errno != ENOENT)
			return sd_error_errno(err, errno, "cannot remove %s", path);
		return 0;
	}
	r = make_directories(err);
	if (r < 0)
		return r;
	json = to_json(record);
	text = json ? sd_json_line(json) : NULL;
	if (!text)
		return sd_error_set(err, ENOMEM, "out of memory");
	return replace_file(path, temporary, text, err);
}

static bool names_directory(const struct sd_record *record, const char *dir)
{
	return sd_record_has_target(record, dir) ||
	        (record->stage && strcmp(record->stage, dir) == 0) ||
	        (record->doing && strcmp(record->doing, dir) == 0);
}

int sd_record_find(const char *dir, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	struct sd_error unread = SD_ERROR_INIT;
	_cleanup_closedir_ DIR *records = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), RECORD_DIR) < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of the records is too long");
	records = opendir(path);
	if (!records)
		return errno == ENOENT ? 0 : sd_error_errno(err, errno, "cannot read %s", path);
	while ((entry = readdir(records))) {
		_cleanup_record_ struct sd_record record = { 0 };
		char id[SD_ID_SIZE];
		int r;

		if (strlen(entry->d_name) != SD_ID_SIZE - 1 + strlen(".json"))
			continue;
		memcpy(id, entry->d_name, SD_ID_SIZE - 1);
		id[SD_ID_SIZE - 1] = '\0';
		if (!sd_id_is_valid(id))
			continue;
		/* One damaged record is that volume's trouble, unless it could have been the answer. */
		r = sd_record_read(id, &record, unread.code ? NULL : &unread);
		if (r == 0 && names_directory(&record, dir)) {
			memcpy(ret_id, id, SD_ID_SIZE);
			return 1;
		}
	}
	return unread.code ? sd_error_set(err, unread.code, "%s", unread.text) : 0;
}
