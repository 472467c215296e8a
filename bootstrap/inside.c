/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inside.h"
#include "cleanup.h"
#include "crypt.h"
#include "device.h"
#include "filesystem.h"
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The filesystem on the partition or mapping whose content is known. */
static int look_at_filesystem(int fd, const char *node, const char *id,
        const struct sd_content *content, struct inside *ret, struct sd_error *err)
{
	int r;

	r = sd_filesystem_check_content(content, node, id, NULL, ret->filesystem, err);
	if (r == 0)
		r = sd_superblock_read(fd, node, ret->filesystem, &ret->superblock, err);
	if (r == 0)
		r = sd_device_size(fd, node, &ret->room, err);
	ret->seen = r == 0;
	return r;
}

static int look_into_mapping(
        const char *node, const char *id, struct inside *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = open(node, O_RDONLY | O_CLOEXEC);
	struct sd_content content;
	int r;

	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", node);
	r = sd_probe_content(fd, node, &content, err);
	return r < 0 ? r : look_at_filesystem(fd, node, id, &content, ret, err);
}

static int look_into_luks(const struct sd_volume *volume, const struct sd_key *key,
        struct inside *ret, struct sd_error *err)
{
	const char *id = volume->mark.id;
	struct sd_error close_error = SD_ERROR_INIT;
	struct sd_mapping mapping;
	bool was_open = true;
	int r;

	if (key) {
		r = sd_crypt_open(volume->node, volume->devno, id, key, volume->disk.rotational,
		        &mapping, &was_open, err);
	} else {
		r = sd_crypt_find(id, volume->devno, &mapping, err);
		if (r == 0)
			return 0;
	}
	if (r < 0)
		return r;
	r = look_into_mapping(mapping.node, id, ret, err);
	if (was_open || sd_crypt_close(id, &close_error) == 0 || r < 0)
		return r;
	*err = close_error;
	return -close_error.code;
}

int inside_look(const struct sd_volume *volume, const struct sd_key *key, struct inside *ret,
        struct sd_error *err)
{
	_cleanup_close_ int fd = open(volume->node, O_RDONLY | O_CLOEXEC);
	struct inside inside = { 0 };
	const char *id = volume->mark.id;
	struct sd_content content;
	int r;

	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", volume->node);
	r = sd_probe_content(fd, volume->node, &content, err);
	if (r < 0)
		return r;
	inside.luks = strcmp(content.type, "crypto_LUKS") == 0;
	if (!inside.luks && key)
		return sd_error_set(err, EINVAL, "volume %s is not encrypted, it takes no key", id);
	if (inside.luks && strcmp(content.uuid, id) != 0)
		return sd_error_set(err, ESTALE,
		        "%s carries the mark of volume %s over the LUKS header of another (%s)",
		        volume->node, id, content.uuid);
	r = inside.luks ? look_into_luks(volume, key, &inside, err)
	                : look_at_filesystem(fd, volume->node, id, &content, &inside, err);
	if (r == 0)
		*ret = inside;
	return r;
}
