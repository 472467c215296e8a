/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Doing what reconcile() said: requests to the API server, and children at disks. Each is begun here. */

#include "disks.h"

void work_begin(struct disks *disks, const struct action *action, struct slot *slot,
        const struct pv_view *pv);

/* The parts of it, each in its file. */
struct work *work_new(struct disks *disks, enum action_kind kind, struct slot *slot,
        const struct pv_view *pv, const struct pool *pool);
/* It is over, and went well (err NULL or code 0), or is to be tried again later. Frees it. */
void work_end(struct work *work, const struct sd_error *err);
/* Sends a request of it; done ends it. body is taken over. When it cannot be sent, that ends it. */
void work_send(
        struct work *work, enum api_method method, const char *path, sd_json *body, api_done done);
/* Starts a child that does it to the disk; end is told its result, and ends the work. */
void work_start_child(struct work *work,
        int (*run)(void *, const struct sd_disk *, size_t, const struct events *, struct outcome *,
                struct sd_error *),
        void (*news)(void *data, const struct job_message *news),
        void (*end)(void *data, struct job_message *result));
/* {"metadata": {"uid", "resourceVersion", "annotations": {key: value}}}; version and annotation may be NULL. */
sd_json *work_make_patch(
        const char *uid, const char *version, const char *annotation, const char *value);
/* What the API server answers to a change is what is known from now on, and ends the work. */
void work_take_changed(struct work *work, const struct api_answer *answer);
/* "/api/v1/persistentvolumes/NAME", into ret. */
#define PV_PATH_SIZE (SD_PV_NAME_SIZE + 40)
void work_pv_path(const struct work *work, char ret[PV_PATH_SIZE]);

void publish_begin(struct work *work);                          /* publish_pv.c */
void reclaim_begin(struct work *work);                          /* reclaim.c */
void prepare_begin(struct work *work);                          /* reclaim.c */
void grow_begin(struct work *work);                             /* reclaim.c */
void mark_begin(struct work *work);                             /* block.c */
void let_go_begin(struct work *work, const struct pv_view *pv); /* block.c */
void patch_begin(struct work *work, const struct action *action, const struct pv_view *pv);
void delete_begin(struct work *work, const struct pv_view *pv);
void patch_progress(struct work *work); /* the erase's, as an annotation; now and then */
