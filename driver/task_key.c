/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key of a call, and the one before it. */
#include "cleanup.h"
#include "log.h"
#include "task.h"

#include <errno.h>
#include <time.h>

/*
 * A wrong key is answered only after this. The volume stays locked meanwhile, so that keys cannot be
 * tried in turn any faster, however many calls there are.
 */
#define WRONG_KEY_PAUSE_S 2

static int give_secret(void *data, const char *name, struct sd_key *ret, struct sd_error *err)
{
	const struct sd_task *task = data;

	return sd_options_secret(task->options, name, ret, err);
}

static int give_token(void *data, bool alone, struct sd_key *ret, struct sd_error *err)
{
	const struct sd_task *task = data;

	return sd_crypt_token_key(task->volume.node, task->id, alone, ret, err);
}

static int read_key(struct sd_task *task, enum sd_key_version version, struct sd_error *err)
{
	const struct sd_key_givers givers = { give_secret, give_token, task };
	struct sd_key key = SD_KEY_INIT;
	int r;

	r = sd_key_spec_read(&task->options->key, &givers, version, &key, err);
	if (r < 0)
		return r;
	sd_key_free(&task->key);
	task->key = key;
	return 0;
}

static int wrong_key(struct sd_task *task, struct sd_error *err)
{
	struct timespec left = { .tv_sec = WRONG_KEY_PAUSE_S };

	sd_key_free(&task->key);
	sd_log(LOG_WARNING, "volume %s: wrong key (%s)", task->id, task->options->key_text);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return sd_error_set(err, EPERM, "wrong key for volume %s", task->id);
}

int sd_task_try_keys(struct sd_task *task, int (*use)(struct sd_task *task, struct sd_error *err),
        struct sd_error *err)
{
	const struct sd_options *options = task->options;
	int r;

	if (!options->key.n)
		return sd_error_set(
		        err, ENOKEY, "the volume is encrypted, but the options name no \"key\"");
	r = read_key(task, SD_KEY_CURRENT, err);
	if (r < 0)
		return r;
	r = use(task, err);
	if (r == 0)
		sd_log(LOG_INFO, "volume %s: opened with %s", task->id, options->key_text);
	if (r != -EPERM)
		return r;
	r = read_key(task, SD_KEY_PREVIOUS, err);
	if (r == -ENOKEY)
		return wrong_key(task, err);
	if (r < 0)
		return sd_error_wrap(err, "wrong key, and there is a previous one, but");
	r = use(task, err);
	if (r == 0)
		sd_log(LOG_NOTICE,
		        "volume %s: opened with the previous key of %s (<name>.previous); the disk "
		        "does not have the new one yet",
		        task->id, options->key_text);
	return r == -EPERM ? wrong_key(task, err) : r;
}
