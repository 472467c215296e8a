/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define RETRY_MS 25
#define INITIAL_IPC_NAMESPACE 0xEFFFFFFFu /* PROC_IPC_INIT_INO in include/linux/proc_ns.h */

struct request {
	struct dm_ioctl header;
	struct {
		struct dm_target_deps deps;
		__u64 more[16];
	} answer;
};

static int open_control(struct sd_error *err)
{
	char path[PATH_MAX];
	int fd;

	if (sd_root_path(path, sizeof(path), "/dev/mapper/control") < 0)
		return sd_error_set(err, ENAMETOOLONG, "the path of device-mapper is too long");
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? sd_error_errno(err, errno, "cannot open %s", path) : fd;
}

static int ask(int control, unsigned long command, const char *name, struct request *request)
{
	*request = (struct request){
		.header = {
			.version = { 4, 0, 0 }, /* the oldest that has these commands */
			.data_size = sizeof(*request),
			.data_start = offsetof(struct request, answer),
		},
	};
	(void)snprintf(request->header.name, sizeof(request->header.name), "%s", name);
	return ioctl(control, command, request) < 0 ? -errno : 0;
}

/* huge_encode_dev() in include/linux/kdev_t.h. */
static dev_t decode_devno(__u64 dev)
{
	return makedev((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

/* Returns 1: answered; 0: there is no such mapping, or no device-mapper here; or a negative errno. */
static int ask_about(
        const char *name, unsigned long command, struct request *request, struct sd_error *err)
{
	_cleanup_close_ int control = open_control(err);
	int r;

	if (control == -ENOENT) {
		sd_error_clear(err);
		return 0;
	}
	if (control < 0)
		return control;
	r = ask(control, command, name, request);
	if (r == -ENXIO)
		return 0;
	return r < 0 ? sd_error_errno(err, -r, "cannot ask device-mapper about %s", name) : 1;
}

int sd_dm_backings(const char *name, dev_t ret[SD_DM_DEPS], size_t *ret_n, struct sd_error *err)
{
	struct request request;
	int r = ask_about(name, DM_TABLE_DEPS, &request, err);

	if (r <= 0)
		return r;
	if (request.answer.deps.count > SD_DM_DEPS || (request.header.flags & DM_BUFFER_FULL_FLAG))
		return sd_error_set(
		        err, ENOTUNIQ, "the mapping %s does not lie on one device", name);
	for (*ret_n = 0; *ret_n < request.answer.deps.count; (*ret_n)++)
		ret[*ret_n] = decode_devno(request.answer.deps.dev[*ret_n]);
	return 1;
}

int sd_dm_backing(const char *name, dev_t *ret, struct sd_error *err)
{
	dev_t devno[SD_DM_DEPS];
	size_t n = 0;
	int r;

	r = sd_dm_backings(name, devno, &n, err);
	if (r > 0 && n != 1)
		return sd_error_set(
		        err, ENOTUNIQ, "the mapping %s does not lie on one device", name);
	if (r > 0)
		*ret = devno[0];
	return r;
}

int sd_dm_find(
        const char *name, dev_t *ret_devno, char *ret_uuid, size_t size, struct sd_error *err)
{
	struct request request;
	int r = ask_about(name, DM_DEV_STATUS, &request, err);

	if (r <= 0)
		return r;
	*ret_devno = decode_devno(request.header.dev);
	(void)snprintf(ret_uuid, size, "%s", request.header.uuid);
	return 1;
}

int sd_dm_resume(const char *name, struct sd_error *err)
{
	_cleanup_close_ int control = -1;
	struct request request;
	int r;

	control = open_control(err);
	if (control < 0)
		return control;
	/* without DM_SUSPEND_FLAG it resumes */
	r = ask(control, DM_DEV_SUSPEND, name, &request);
	return r < 0 ? sd_error_errno(err, -r, "cannot resume the mapping %s", name) : 0;
}

int sd_dm_restore(const char *name, struct sd_error *err)
{
	_cleanup_close_ int control = -1;
	struct request request;
	int r;

	control = open_control(err);
	if (control < 0)
		return control;
	r = ask(control, DM_TABLE_CLEAR, name, &request);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot put the mapping %s right", name);
	return sd_dm_resume(name, err);
}

int sd_dm_fail(const char *name, dev_t devno, struct sd_error *err)
{
	struct {
		struct dm_ioctl header;
		struct dm_target_spec target;
		char parameters[8];
	} load = {
		.header = {
			.version = { 4, 0, 0 },
			.data_size = sizeof(load),
			.data_start = offsetof(__typeof__(load), target),
			.target_count = 1,
		},
		.target = {
			.next = sizeof(load.target) + sizeof(load.parameters),
			.target_type = "error",
		},
	};
	_cleanup_close_ int control = -1;
	char text[32];
	int r;

	r = sd_root_read(
	        text, sizeof(text), "/sys/dev/block/%u:%u/size", major(devno), minor(devno));
	if (r < 0)
		return sd_error_errno(err, -r, "cannot read the size of %s", name);
	control = open_control(err);
	if (control < 0)
		return control;
	load.target.length = strtoull(text, NULL, 10);
	(void)snprintf(load.header.name, sizeof(load.header.name), "%s", name);
	if (ioctl(control, DM_TABLE_LOAD, &load) < 0)
		return sd_error_errno(err, errno, "cannot cut off the mapping %s", name);
	return sd_dm_resume(name, err);
}

bool sd_dm_has_udev(void)
{
	char path[PATH_MAX];
	struct stat st;

	if (sd_root_path(path, sizeof(path), "/run/udev/control") < 0 || access(path, F_OK) < 0)
		return false;
	if (sd_root_path(path, sizeof(path), "/proc/self/ns/ipc") < 0 || stat(path, &st) < 0)
		return true;
	return st.st_ino == INITIAL_IPC_NAMESPACE;
}

/* Without udevd libdevmapper made the node in /dev/mapper itself, and so it is ours to remove. */
static void remove_node(const char *name)
{
	char path[PATH_MAX];

	if (!sd_dm_has_udev() && sd_root_path(path, sizeof(path), "/dev/mapper/%s", name) == 0)
		(void)unlink(path);
}

/* Tries again for a while: udevd opens every device that was closed after writing. */
int sd_dm_remove(const char *name, unsigned timeout_ms, struct sd_error *err)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	_cleanup_close_ int control = -1;
	struct request request;
	int r;

	control = open_control(err);
	if (control < 0)
		return control;
	for (unsigned waited = 0;; waited += RETRY_MS) {
		r = ask(control, DM_DEV_REMOVE, name, &request);
		if (r != -EBUSY || waited >= timeout_ms)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (r == -EBUSY)
		return sd_error_set(err, EBUSY, "the mapping %s is in use", name);
	if (r < 0 && r != -ENXIO)
		return sd_error_errno(err, -r, "cannot remove the mapping %s", name);
	remove_node(name);
	return 0;
}
