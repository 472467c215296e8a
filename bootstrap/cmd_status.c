/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk status: this node's disks, and what the cluster has made of them, in one table. */

#include "cleanup.h"
#include "commands.h"
#include "describe.h"
#include "status.h"
#include "table.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct table_column columns[] = {
	{ .name = "DISK" },
	{ .name = "SIZE", .right = true },
	{ .name = "STATE" },
	{ .name = "FILESYSTEM" },
	{ .name = "POOL" },
	{ .name = "PERSISTENTVOLUME", .may_cut = true },
	{ .name = "PHASE" },
	{ .name = "CLAIM", .may_cut = true },
	{ .name = "NOTE", .may_cut = true },
};

struct status {
	const char *kubeconfig, *node;
	bool in_bytes;
	struct pvs pvs;
	bool *shown;         /* of each of them: beside its disk */
	struct table *table; /* one of the two */
	sd_json *disks;
};

static const char *phase_word(const struct pv_view *pv)
{
	static const char *const words[] = { "Pending", "Available", "Bound", "Released", "Failed",
		"" };

	return pv->is_going ? "Terminating" : words[pv->phase];
}

/* What a person should know of it, beyond the columns. */
static const char *pv_note(const struct pv_view *pv, char *buf, size_t size)
{
	buf[0] = '\0';
	if (pv->progress)
		(void)snprintf(buf, size, "erasing: %s", pv->progress);
	else if (pv->missing_since)
		(void)snprintf(buf, size, "its disk is missing since %s", pv->missing_since);
	return buf;
}

static sd_json *describe_pv(const struct pv_view *pv)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "name", pv->name);
	(void)sd_json_set_string(json, "phase", phase_word(pv));
	(void)sd_json_set_string(json, "claim", pv->claim);
	(void)sd_json_set_string(json, "storageClass", pv->storage_class);
	(void)sd_json_set_string(json, "pool", pv->pool);
	(void)sd_json_set_string(json, "path", pv->path);
	(void)sd_json_set_string(json, "missingSince", pv->missing_since);
	(void)sd_json_set_string(json, "eraseProgress", pv->progress);
	return json;
}

static int add_disk_row(struct status *status, const struct survey *survey,
        const struct pv_view *pv, struct sd_error *err)
{
	char size[TABLE_SIZE_TEXT], filesystem[64], note[300] = "";
	const char *cells[] = {
		survey->disk.name,
		table_size(size, survey->disk.size, status->in_bytes),
		survey_state(survey),
		describe_filesystem(survey, filesystem, sizeof(filesystem)),
		pv ? pv->pool : NULL,
		pv ? pv->name : NULL,
		pv ? phase_word(pv) : NULL,
		pv ? pv->claim : NULL,
		pv && *pv_note(pv, note, sizeof(note)) ? note : survey->note,
	};

	return table_add(status->table, cells, err);
}

static int add_disk(struct status *status, const struct sd_disk *disk, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	const struct pv_view *pv = NULL;
	sd_json *json;

	survey_disk(disk, &survey);
	if (survey.kind == SURVEY_OURS)
		pv = pvs_by_id(&status->pvs, survey.mark.id);
	if (pv)
		status->shown[pv - status->pvs.pv] = true;
	if (status->table)
		return add_disk_row(status, &survey, pv, err);
	json = describe_survey(&survey);
	if (json && pv)
		(void)sd_json_set(json, "persistentVolume", describe_pv(pv));
	if (!json || sd_json_append(status->disks, json) < 0)
		return sd_error_set(err, ENOMEM, "out of memory");
	return 0;
}

static int add_disks(struct status *status, struct sd_error *err)
{
	struct sd_disks disks = { 0 };
	int r;

	r = sd_disks_read(&disks, err);
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		r = add_disk(status, &disks.disk[i], err);
	sd_disks_free(&disks);
	return r;
}

/* Of directories, or of a disk that is not here: the cluster knows them, this node's disks do not. */
static int add_other_row(struct status *status, const struct pv_view *pv, struct sd_error *err)
{
	char size[TABLE_SIZE_TEXT], note[300];
	const char *cells[] = {
		"-",
		table_size(size, pv->capacity, status->in_bytes),
		pv->path ? "directory" : "missing",
		NULL,
		pv->pool,
		pv->name,
		phase_word(pv),
		pv->claim,
		pv->path ? pv->path : pv_note(pv, note, sizeof(note)),
	};

	if (!cells[8][0])
		cells[8] = "no disk of this node has this volume";
	return table_add(status->table, cells, err);
}

static int add_others(struct status *status, sd_json *others, struct sd_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < status->pvs.n; i++) {
		const struct pv_view *pv = &status->pvs.pv[i];

		if (status->shown[i])
			continue;
		if (status->table)
			r = add_other_row(status, pv, err);
		else if (sd_json_append(others, describe_pv(pv)) < 0)
			r = sd_error_set(err, ENOMEM, "out of memory");
	}
	return r;
}

static int print_json(struct status *status, const struct sd_error *away, struct sd_error *err)
{
	_cleanup_json_ sd_json *answer = sd_json_object(), *others = sd_json_array();
	int r;

	if (!answer || !others)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = add_others(status, others, err);
	if (r < 0)
		return r;
	(void)sd_json_set_string(answer, "node", status->node);
	(void)sd_json_set(answer, "disks", sd_steal(status->disks));
	if (away->code)
		(void)sd_json_set_string(answer, "clusterUnknown", away->text);
	else
		(void)sd_json_set(answer, "otherPersistentVolumes", sd_steal(others));
	return tool_print_json(sd_steal(answer), true, err);
}

static int show(struct tool *tool, struct status *status, struct sd_error *err)
{
	_cleanup_table_ struct table *table = NULL;
	struct sd_error away = SD_ERROR_INIT;
	int r = 0;

	if (status_ask(status->kubeconfig, status->node, &status->pvs, &away) < 0)
		(void)sd_error_wrap(&away, "PersistentVolumes and claims could not be told");
	status->shown = calloc(status->pvs.n + 1, sizeof(*status->shown));
	if (tool->json)
		status->disks = sd_json_array();
	else
		r = table_new(columns, SD_ARRAY_SIZE(columns), &table, err);
	status->table = table;
	if (!status->shown || (tool->json && !status->disks))
		r = sd_error_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = add_disks(status, err);
	if (r == 0 && table)
		r = add_others(status, NULL, err);
	if (r == 0)
		r = table ? table_print(table, err) : print_json(status, &away, err);
	if (r == 0 && away.code) {
		*err = away;
		return TOOL_FAILED;
	}
	return r == 0 ? TOOL_OK : TOOL_FAILED;
}

/* The Node is named as the host, if nobody says otherwise; kubelet makes it lower case too. */
static const char *host_name(char *buf, size_t size)
{
	if (gethostname(buf, size) < 0)
		return "";
	buf[size - 1] = '\0';
	for (char *p = buf; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return buf;
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 253 && name[0] != '.' &&
	        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = {
		{ "kubeconfig", required_argument, NULL, 'k' },
		{ "node-name", required_argument, NULL, 'n' },
		{ "bytes", no_argument, NULL, 'b' },
		COMMON_OPTIONS,
	};
	struct status status = { .kubeconfig = getenv("KUBECONFIG"), .node = getenv("NODE_NAME") };
	char name[256];
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c == 'k')
			status.kubeconfig = optarg;
		else if (c == 'n')
			status.node = optarg;
		else if (c == 'b')
			status.in_bytes = true;
		else
			return TOOL_USAGE;
	}
	if (optind < argc)
		return command_usage(self, err, "status takes no argument");
	if (!status.node)
		status.node = host_name(name, sizeof(name));
	if (!is_name(status.node))
		return command_usage(self, err, "\"%s\" is no name of a Node", status.node);
	c = show(tool, &status, err);
	sd_json_free(status.disks);
	pvs_clear(&status.pvs);
	free(status.shown);
	return c;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "Show this node's disks, volumes, PersistentVolumes and claims",
	.arguments = "[OPTION...]",
	.help = "  --kubeconfig FILE    default: KUBECONFIG in the environment, or else the\n"
	        "                       credentials of the pod's service account\n"
	        "  --node-name NAME     of the Node; default: NODE_NAME in the environment, or else\n"
	        "                       the name of this host\n"
	        "  --bytes              sizes in bytes\n",
	.run = run,
};
