/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cleanup.h"
#include "crypt.h"
#include "crypt_private.h"
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int check_settled(
        const struct sd_crypt_handle *handle, const char *what, struct sd_error *err)
{
	if (handle->lib->crypt_reencrypt_status(handle->cd, NULL) == CRYPT_REENCRYPT_NONE)
		return 0;
	return sd_error_set(err, EBUSY,
	        "%s is the header of a volume in the midst of a re-encryption, which is good for "
	        "that moment only; finish that first (solodisk reencrypt)",
	        what);
}

static int flush_file(const char *path, struct sd_error *err)
{
	_cleanup_free_ char *dir = strdup(path);
	_cleanup_close_ int fd = -1, dir_fd = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	dir_fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || dir_fd < 0 || fsync(fd) < 0 || fsync(dir_fd) < 0)
		return sd_error_errno(err, errno, "cannot flush %s", path);
	return 0;
}

int sd_crypt_header_backup(
        const char *device, const char *id, const char *path, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	struct stat st;
	int r;

	if (lstat(path, &st) == 0)
		return sd_error_set(err, EEXIST, "%s is there already", path);
	if (errno != ENOENT)
		return sd_error_errno(err, errno, "%s", path);
	r = sd_crypt_handle_load(device, id, &handle, err);
	if (r == 0)
		r = check_settled(&handle, device, err);
	if (r < 0)
		return r;
	/* It creates the file with O_EXCL, for its owner to read. */
	r = handle.lib->crypt_header_backup(handle.cd, CRYPT_LUKS2, path);
	if (r < 0)
		(void)sd_cryptsetup_error(
		        err, handle.lib, -r, "cannot write the header of %s to %s", device, path);
	else
		r = flush_file(path, err);
	if (r < 0)
		(void)unlink(path);
	return r;
}

static int check_file(const char *path, struct sd_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return sd_error_set(err, EINVAL, "%s is not a regular file", path);
	if (st.st_uid != 0 || (st.st_mode & 077))
		return sd_error_set(err, EPERM,
		        "others than root may read %s, which opens the volume with all its old "
		        "keys; make it root's, mode 0600",
		        path);
	return 0;
}

/* Loads the header in a file, over the volume's data. */
static int load_file(const char *path, const char *device, const char *id,
        struct sd_crypt_handle *handle, struct sd_error *err)
{
	const char *uuid;
	int r;

	r = sd_cryptsetup_load(&handle->lib, err);
	if (r < 0)
		return r;
	r = handle->lib->crypt_init_data_device(&handle->cd, path, device);
	if (r == 0)
		r = handle->lib->crypt_load(handle->cd, CRYPT_LUKS2, NULL);
	if (r < 0)
		return sd_cryptsetup_error(
		        err, handle->lib, EINVAL, "%s is not the backup of a LUKS2 header", path);
	uuid = handle->lib->crypt_get_uuid(handle->cd);
	if (!uuid || strcmp(uuid, id) != 0)
		return sd_error_set(err, EINVAL, "%s is the header of volume %s, not of %s", path,
		        uuid ? uuid : "?", id);
	if (handle->lib->crypt_get_data_offset(handle->cd) * 512 != SD_CRYPT_DATA_OFFSET)
		return sd_error_set(err, EINVAL, "%s is not a header that solodisk has made", path);
	return check_settled(handle, path, err);
}

/* What the mapping shows must be the volume's own filesystem. */
static int check_inside(
        const struct sd_mapping *mapping, const char *path, const char *id, struct sd_error *err)
{
	struct sd_content content = { 0 };
	int r;

	r = sd_probe_node(mapping->node, &content, err);
	if (r < 0 && r != -ENODATA && r != -ENOTUNIQ)
		return r;
	if (r == 0 && strcmp(content.uuid, id) == 0)
		return 0;
	return sd_error_set(err, ESTALE,
	        "with the header in %s no filesystem of volume %s is to be seen: the volume was "
	        "re-encrypted after that backup, or its data are damaged",
	        path, id);
}

/* Opens the volume with the header in the file, read-only, and looks whether it is what it was. */
static int prove(const struct sd_crypt_handle *handle, const char *path, dev_t devno,
        const char *id, const struct sd_key *key, struct sd_error *err)
{
	char name[SD_MAPPING_NAME_SIZE];
	struct sd_mapping mapping;
	int r, closed;

	sd_id_mapping_name(id, name);
	r = handle->lib->crypt_activate_by_passphrase(handle->cd, name, CRYPT_ANY_SLOT,
	        (const char *)key->data, key->size, CRYPT_ACTIVATE_READONLY);
	if (r == -EPERM)
		return sd_error_set(err, EPERM, "the key opens no keyslot in %s", path);
	if (r < 0)
		return sd_cryptsetup_error(
		        err, handle->lib, -r, "cannot open volume %s with %s", id, path);
	r = sd_crypt_find(id, devno, &mapping, err);
	if (r == 0)
		r = sd_error_set(err, EIO, "the mapping %s is not there", name);
	if (r > 0)
		r = check_inside(&mapping, path, id, err);
	closed = sd_crypt_close(id, r < 0 ? NULL : err);
	return r < 0 ? r : closed;
}

int sd_crypt_header_restore(const char *device, dev_t devno, const char *id, const char *path,
        const struct sd_key *key, bool *ret_written, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle file = { 0 }, disk = { 0 };
	int r;

	r = check_file(path, err);
	if (r == 0)
		r = load_file(path, device, id, &file, err);
	if (r == 0)
		r = prove(&file, path, devno, id, key, err);
	sd_crypt_handle_free(&file);
	if (r == 0)
		r = sd_crypt_handle_open(device, &disk, err);
	if (r < 0)
		return r;
	*ret_written = true;
	r = disk.lib->crypt_header_restore(disk.cd, CRYPT_LUKS2, path);
	if (r < 0)
		return sd_cryptsetup_error(
		        err, disk.lib, -r, "cannot write the header in %s to %s", path, device);
	return sd_crypt_check_key(device, id, key, err);
}

int sd_crypt_header_repair(
        const char *device, const char *id, bool *ret_repaired, struct sd_error *err)
{
	_cleanup_crypt_ struct sd_crypt_handle handle = { 0 };
	int r = sd_crypt_handle_load(device, id, &handle, err);

	if (r == 0)
		*ret_repaired = handle.repaired;
	return r;
}
