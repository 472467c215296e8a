/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is done about the entries of the directories, by the last scan and the PersistentVolumes as they are. */

#include "cleanup.h"
#include "directories_private.h"
#include "log.h"
#include "pv.h"

#include <errno.h>
#include <string.h>

#define CLEAN_AT_ONCE 4

static void find(struct agent *agent, const struct pv_view *pv, enum severity severity,
        const char *reason, const char *what, const char *why)
{
	conditions_find(&agent->directories->conditions, &agent->report, pv, severity, reason,
	        "%s: %s", what, why);
}

static size_t count_cleanings(const struct directories *self)
{
	size_t n = 0;

	for (const struct directory_volume *volume = self->volumes; volume; volume = volume->next)
		n += volume->child != NULL || volume->entry != NULL;
	return n;
}

static struct directory_volume *volume_of(struct agent *agent, const char *name)
{
	struct directory_volume *volume =
	        directory_volume_get(agent, &agent->directories->volumes, name);

	if (!volume)
		sd_log(LOG_ERR, "out of memory");
	return volume;
}

static void reclaim(
        struct agent *agent, const struct pv_view *pv, const struct directory_entry *entry)
{
	struct directory_volume *volume = volume_of(agent, pv->name);

	if (!volume)
		return;
	if (entry->err.code) {
		find(agent, pv, EVENT_WARNING, "NotCleaned", pv->path, entry->err.text);
		return;
	}
	if (volume->err.code)
		find(agent, pv, EVENT_WARNING, "NotCleaned", pv->path, volume->err.text);
	if (!directory_volume_is_idle(volume))
		return;
	if (volume->is_clean || count_cleanings(agent->directories) < CLEAN_AT_ONCE)
		directory_volume_clean(volume, pv, entry);
}

/* Another one has this path: of an earlier StorageClass, say. */
static const struct pv_view *other_of_path(
        const struct agent *agent, const char *path, const char *name)
{
	for (size_t i = 0; i < agent->pvs.n; i++)
		if (agent->pvs.pv[i].path && strcmp(agent->pvs.pv[i].path, path) == 0 &&
		        strcmp(agent->pvs.pv[i].name, name) != 0)
			return &agent->pvs.pv[i];
	return NULL;
}

/* Not one of a disk, whose name has a volume ID. */
static bool is_ours(const struct pv_view *pv)
{
	return pv->path && !pv->id[0] && pv->provisioner &&
	        strcmp(pv->provisioner, PV_PROVISIONER) == 0;
}

static void publish(struct agent *agent, const struct directory_entry *entry, const char *path,
        const char *name)
{
	const struct pv_view *other = other_of_path(agent, path, name);
	struct directory_volume *volume;
	char text[200];

	if (other) {
		(void)snprintf(text, sizeof(text),
		        "PersistentVolume %s (StorageClass %s) has it already", other->name,
		        other->storage_class ? other->storage_class : "none");
		find(agent, NULL, EVENT_WARNING, "NotPublished", path, text);
		volume = other->phase == PV_AVAILABLE && is_ours(other) && !other->is_going
		        ? volume_of(agent, other->name)
		        : NULL;
		if (volume && directory_volume_is_idle(volume))
			directory_volume_withdraw(
			        volume, other, "its directory has another StorageClass now");
		return;
	}
	volume = volume_of(agent, name);
	if (!volume)
		return;
	if (volume->foreign)
		find(agent, NULL, EVENT_NORMAL, "NotPublished", path, volume->foreign);
	else if (volume->err.code)
		find(agent, NULL, EVENT_WARNING, "NotPublished", path, volume->err.text);
	/* What is known may be the past: it waits for the scan that is wanted. */
	if (directory_volume_is_idle(volume) && !agent->directories->is_wanted &&
	        !agent->directories->scan)
		directory_volume_publish(volume, entry);
}

static void reconcile_entry(struct agent *agent, const struct directory_entry *entry)
{
	const struct directory *directory = &agent->settings.config.directories[entry->directory];
	_cleanup_free_ char *path = directory_host_path(directory, entry->name);
	char name[PV_LOCAL_NAME_SIZE];
	const struct pv_view *pv;

	if (!path)
		return;
	pv_local_name(entry->name, agent->node.name, directory->storage_class, name);
	pv = pvs_by_name(&agent->pvs, name);
	if (!pv && entry->err.code == EAGAIN) {
		agent->directories->is_wanted = true;
		agent_wake_in(agent, 100);
	} else if (!pv && entry->err.code)
		find(agent, NULL, EVENT_WARNING, "NotPublished", path, entry->err.text);
	else if (!pv)
		publish(agent, entry, path, name);
	else if (!pv->path || strcmp(pv->path, path) != 0)
		find(agent, NULL, EVENT_WARNING, "NotPublished", path,
		        "another entry has the same PersistentVolume's name (its hash has 32 bits); "
		        "rename one of them");
}

/* Whether nothing is mounted there, as opposed to something that is not well. */
static bool is_missing(const struct directory_entry *entry)
{
	return !entry || entry->err.code == ENOTCONN || entry->err.code == ENOENT ||
	        (entry->mode == VOLUME_BLOCK && entry->err.code == EINVAL);
}

/* The entry of a PersistentVolume. *ret_known: its directory could be read, and the entry answers. */
static const struct directory_entry *entry_of(
        const struct agent *agent, const struct pv_view *pv, bool *ret_known)
{
	const struct directories *self = agent->directories;
	const char *slash = strrchr(pv->path, '/');
	size_t len = (size_t)(slash - pv->path);

	*ret_known = false;
	for (size_t i = 0; i < agent->settings.config.n_directories; i++) {
		const char *path = agent->settings.config.directories[i].path;

		if (strncmp(path, pv->path, len) != 0 || path[len] || self->found->fault[i].code)
			continue;
		*ret_known = !self->found->is_cut;
		for (size_t j = 0; j < self->n_silent; j++)
			if (self->silent[j].directory == i &&
			        strcmp(self->silent[j].name, slash + 1) == 0)
				*ret_known = false;
		for (size_t j = 0; j < self->found->n; j++)
			if (self->found->entry[j].directory == i &&
			        strcmp(self->found->entry[j].name, slash + 1) == 0)
				return &self->found->entry[j];
	}
	return NULL;
}

static void reconcile_pv(struct agent *agent, const struct pv_view *pv)
{
	const struct directory_entry *entry;
	struct directory_volume *volume;
	bool known;

	if (!is_ours(pv) || pv->path[0] != '/' || pv->is_going)
		return;
	entry = entry_of(agent, pv, &known);
	if (!known) {
		if (pv->phase == PV_RELEASED && pv->deletes)
			find(agent, pv, EVENT_WARNING, "NotCleaned", pv->path,
			        "its directory cannot be read, or is not in the configuration");
	} else if (!is_missing(entry)) {
		if (pv->phase == PV_RELEASED && pv->deletes)
			reclaim(agent, pv, entry);
	} else if (pv->phase == PV_AVAILABLE) {
		volume = agent->directories->is_wanted ? NULL : volume_of(agent, pv->name);
		if (volume && directory_volume_is_idle(volume))
			directory_volume_withdraw(
			        volume, pv, entry ? entry->err.text : "it is not there");
	} else {
		find(agent, pv, EVENT_WARNING, "Missing", pv->path,
		        entry ? entry->err.text : "it is not there");
	}
}

static void reconcile_faults(struct agent *agent)
{
	const struct directories *self = agent->directories;
	const struct directory *directories = agent->settings.config.directories;
	_cleanup_free_ char *path = NULL;

	for (size_t i = 0; i < agent->settings.config.n_directories; i++)
		if (self->found->fault[i].code)
			find(agent, NULL, EVENT_WARNING, "DirectoryUnreadable",
			        directories[i].mount_path, self->found->fault[i].text);
	for (size_t i = 0; i < self->n_silent; i++) {
		free(sd_steal(path));
		path = directory_host_path(
		        &directories[self->silent[i].directory], self->silent[i].name);
		if (path)
			find(agent, NULL, EVENT_WARNING, "NotAnswering", path,
			        "it does not answer, and is left alone for an hour");
	}
	if (self->found->is_cut)
		conditions_find(&agent->directories->conditions, &agent->report, NULL,
		        EVENT_WARNING, "TooManyEntries",
		        "the directories have more than %d entries; the rest is not looked at",
		        SCAN_ENTRIES_MAX);
}

void directories_decide(struct agent *agent)
{
	struct directories *self = agent->directories;

	conditions_begin(&self->conditions);
	reconcile_faults(agent);
	for (size_t i = 0; i < self->found->n; i++)
		reconcile_entry(agent, &self->found->entry[i]);
	for (size_t i = 0; i < agent->pvs.n; i++)
		reconcile_pv(agent, &agent->pvs.pv[i]);
	conditions_end(&self->conditions);
}
