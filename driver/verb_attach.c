/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The phase that knows the node: attach, detach, isattached, waitforattach. The first three also run in
 * the controller-manager, in a container that sees no disk, so they look at no device.
 */
#include "task.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 30000u /* for a disk to appear; kubelet calls again */
#define WAIT_STEP_MS 200u
#define DETACH_LOCK_MS 5000u
#define LINK_PREFIX "/dev/disk/by-partuuid/"

static int parse(const struct sd_call *call, int n, struct sd_options *ret, struct sd_error *err)
{
	int r = sd_call_options(call, n, ret, err);

	if (r == 0 && !ret->volume_id[0])
		r = sd_error_set(err, EINVAL, "options: \"volumeID\" is missing");
	return r;
}

SD_VERB(verb_attach)
{
	_cleanup_options_ struct sd_options options = { 0 };
	char device[sizeof(LINK_PREFIX) + SD_ID_SIZE];
	int r;

	r = parse(call, 0, &options, err);
	if (r < 0)
		return r;
	(void)snprintf(device, sizeof(device), LINK_PREFIX "%s", options.volume_id);
	return sd_json_set_string(answer->json, "device", device);
}

/*
 * Always true: the controller that asks sees no /dev, and "false" would make it attach again
 * (operation_generator.go, GenerateVolumesAreAttachedFunc).
 */
SD_VERB(verb_isattached)
{
	_cleanup_options_ struct sd_options options = { 0 };
	int r;

	r = parse(call, 0, &options, err);
	return r < 0 ? r : sd_json_set_bool(answer->json, "attached", true);
}

/* Finds the volume, waiting for its disk to appear; any other fault is said at once. */
static int wait_for_volume(struct sd_task *task, struct sd_error *err)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000L };

	for (unsigned waited = 0;; waited += WAIT_STEP_MS) {
		int r = sd_task_find(task, err);

		if (r != -ENODEV || waited >= WAIT_MS || sd_call_is_abandoned())
			return r;
		sd_volume_close(&task->volume);
		(void)nanosleep(&step, NULL);
	}
}

SD_VERB(verb_waitforattach)
{
	_cleanup_options_ struct sd_options options = { 0 };
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, &options);
	int r;

	r = parse(call, 1, &options, err);
	if (r < 0)
		return r;
	memcpy(task.id, options.volume_id, SD_ID_SIZE);
	r = wait_for_volume(&task, err);
	return r < 0 ? r : sd_json_set_string(answer->json, "device", task.volume.node);
}

/*
 * It gets the PV's name. Nothing is attached that could be detached: it only closes what a forgotten
 * unmount left, where there is something to close, and is never an error.
 */
SD_VERB(verb_detach)
{
	_cleanup_task_ struct sd_task task = SD_TASK_INIT(call, NULL);
	const char *name = call->args[0];
	struct sd_mapping mapping;
	size_t prefix = strlen(SD_PV_NAME_PREFIX);
	int r;

	if (strncmp(name, SD_PV_NAME_PREFIX, prefix) != 0 || !sd_id_is_valid(name + prefix))
		return 0;
	r = sd_crypt_find(name + prefix, 0, &mapping, err);
	if (r == 1)
		r = sd_task_lock(&task, name + prefix, DETACH_LOCK_MS, err);
	if (r == 0 && task.lock_fd >= 0)
		r = sd_task_release(&task, err);
	if (r < 0)
		(void)snprintf(answer->message, sizeof(answer->message), "nothing was closed: %s",
		        err->text);
	return 0;
}
