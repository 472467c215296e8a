/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int read_node(struct plan_node *ret, struct sd_error *err)
{
	struct plan_node node = { 0 };
	int r;

	if (gethostname(node.host_name, sizeof(node.host_name) - 1) < 0)
		return sd_error_errno(err, errno, "could not tell this node's name");
	r = sd_root_read(node.machine_id, sizeof(node.machine_id), "/etc/machine-id");
	if (r < 0 && r != -ENOENT)
		return sd_error_errno(err, -r, "could not read /etc/machine-id");
	*ret = node;
	return 0;
}

int plan_begin(struct plan *ret, struct sd_error *err)
{
	struct plan plan = { 0 };
	time_t now = time(NULL);
	struct tm tm;
	int r;

	r = read_node(&plan.node, err);
	if (r < 0)
		return r;
	if (!gmtime_r(&now, &tm) ||
	        !strftime(plan.created, sizeof(plan.created), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return sd_error_set(err, EINVAL, "could not tell the time");
	*ret = plan;
	return 0;
}

void plan_free(struct plan *plan)
{
	free(plan->disks);
	sd_json_free(plan->left);
	*plan = (struct plan){ 0 };
}

int plan_add(struct plan *plan, const struct plan_disk *disk, struct sd_error *err)
{
	void *more = reallocarray(plan->disks, plan->n_disks + 1, sizeof(*plan->disks));

	if (!more)
		return sd_error_set(err, ENOMEM, "out of memory");
	plan->disks = more;
	plan->disks[plan->n_disks++] = *disk;
	return 0;
}

int plan_check_node(const struct plan *plan, struct sd_error *err)
{
	struct plan_node here;
	int r = read_node(&here, err);

	if (r < 0)
		return r;
	if (strcmp(plan->node.machine_id, here.machine_id) == 0 &&
	        strcmp(plan->node.host_name, here.host_name) == 0)
		return 0;
	return sd_error_set(err, EPERM,
	        "the plan was made on another node: %s (machine ID %s), this one is %s (%s); make a new "
	        "one here",
	        plan->node.host_name, plan->node.machine_id[0] ? plan->node.machine_id : "unknown",
	        here.host_name, here.machine_id[0] ? here.machine_id : "unknown");
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static sd_json *identity_to_json(const struct plan_disk *disk)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "name", disk->name);
	(void)sd_json_set_string(json, "wwid", disk->seen.wwid);
	(void)sd_json_set_string(json, "serial", or_null(disk->seen.serial));
	(void)sd_json_set_string(json, "model", or_null(disk->seen.model));
	(void)sd_json_set_int(json, "size", (int64_t)disk->seen.size);
	(void)sd_json_set_int(json, "sectorSize", disk->seen.sector_size);
	return json;
}

static sd_json *recipe_to_json(const struct plan_disk *disk)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "filesystem", disk->filesystem);
	if (!disk->luks)
		return json;
	(void)sd_json_set_string(json, "encryption", "luks2");
	(void)sd_json_set_string(json, "kdf", disk->kdf == SD_KDF_ARGON2ID ? "argon2id" : "pbkdf2");
	(void)sd_json_set_string(json, "key", or_null(disk->key));
	(void)sd_json_set_string(json, "keyFile", or_null(disk->key_file));
	return json;
}

static sd_json *fingerprint_to_json(const struct plan_disk *disk)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "state", disk->was_preparing ? "preparing" : "blank");
	(void)sd_json_set_string(json, "bootID", disk->seen.boot_id);
	(void)sd_json_set_int(json, "diskseq", (int64_t)disk->seen.diskseq);
	(void)sd_json_set_int(json, "sectorsWritten", (int64_t)disk->seen.written);
	return json;
}

static sd_json *disk_to_json(const struct plan_disk *disk)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "action", "prepare");
	(void)sd_json_set_string(json, "pool", or_null(disk->pool));
	(void)sd_json_set(json, "disk", identity_to_json(disk));
	(void)sd_json_set(json, "recipe", recipe_to_json(disk));
	(void)sd_json_set(json, "fingerprint", fingerprint_to_json(disk));
	return json;
}

int plan_to_json(const struct plan *plan, sd_json **ret, struct sd_error *err)
{
	_cleanup_json_ sd_json *json = sd_json_object();
	sd_json *node = sd_json_object();
	sd_json *disks = sd_json_array();
	int r = json && node && disks ? 0 : -ENOMEM;

	if (r == 0)
		r = sd_json_set_int(json, "solodiskPlan", PLAN_VERSION);
	if (r == 0)
		r = sd_json_set_string(json, "created", plan->created);
	if (r == 0)
		r = sd_json_set_string(node, "hostname", plan->node.host_name);
	if (r == 0)
		r = sd_json_set_string(node, "machineID", or_null(plan->node.machine_id));
	for (size_t i = 0; r == 0 && i < plan->n_disks; i++)
		r = sd_json_append(disks, disk_to_json(&plan->disks[i]));
	/* The setters take the values over, also when they fail. */
	if (r == 0)
		r = sd_json_set(json, "node", sd_steal(node));
	if (r == 0)
		r = sd_json_set(json, "disks", sd_steal(disks));
	if (r == 0 && plan->left)
		r = sd_json_set(json, "left", sd_json_again(plan->left));
	sd_json_free(node);
	sd_json_free(disks);
	if (r < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	*ret = sd_steal(json);
	return 0;
}
