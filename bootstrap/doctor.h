/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `solodisk doctor` finds on a node: looks only, below the root prefix. */

#include "findings.h"
#include "kubelet.h"
#include "versions.h"

#include <stdbool.h>
#include <sys/stat.h>

#define DRIVER_EXECUTABLE DRIVER_NAME "/disk"

/* Whether the cluster says that its controller-manager attaches volumes to this Node. */
enum managed { MANAGED_UNKNOWN, NOT_MANAGED, MANAGED };

/*
 * Asks the cluster for this Node. kubeconfig: NULL for the pod's credentials; without any, or if node is NULL,
 * nothing is asked and nothing found.
 */
enum managed doctor_ask_cluster(
        struct findings *findings, const char *kubeconfig, const char *node);

/* The node: modules, /run, clock, the propagation of mounts in kubelet's directory. */
void doctor_node(struct findings *findings, const struct kubelet *kubelet, bool live);

/* The driver: as kubelet sees it, and its mode; plugin_dir as it was given or found. */
void doctor_driver(struct findings *findings, const struct kubelet *kubelet, enum managed managed,
        const char *plugin_dir);

/* The driver's mode, against kubelet's setting, the cluster's word, and what a controller-manager here sees. */
void doctor_attach(struct findings *findings, const struct kubelet *kubelet, enum managed managed,
        int plugin_fd);

/* Whether a process sees the driver, which is this executable, in a directory of its own view. */
void doctor_check_seen(struct findings *findings, int pid, const char *who, const char *dir,
        const struct stat *executable);

/* This node's settings: configuration and key files. */
void doctor_settings(struct findings *findings);
