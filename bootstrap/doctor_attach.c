/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who attaches volumes to this node: the driver's mode, kubelet's setting and the cluster's word must fit. */

#include "cleanup.h"
#include "cluster.h"
#include "doctor.h"
#include "versions.h"

#include <errno.h>
#include <stdio.h>

#define CHECK "attach mode"
/* kubelet writes it when it registers its Node; the controller-manager attaches for Nodes that have it. */
#define ANNOTATION "volumes.kubernetes.io/controller-managed-attach-detach"

enum managed doctor_ask_cluster(struct findings *findings, const char *kubeconfig, const char *node)
{
	struct sd_error err = SD_ERROR_INIT;
	_cleanup_json_ sd_json *object = NULL;
	const sd_json *annotations;
	char path[300];
	int r;

	if (!node)
		return MANAGED_UNKNOWN;
	(void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
	r = cluster_get(kubeconfig, path, &object, &err);
	if (r == -ENOENT && !kubeconfig)
		return MANAGED_UNKNOWN; /* NODE_NAME alone makes no pod */
	if (r < 0) {
		findings_add(findings, FINDING_WARN, CHECK,
		        "Node %s cannot be asked who attaches: %s", node, err.text);
		return MANAGED_UNKNOWN;
	}
	annotations = sd_json_get(sd_json_get(object, "metadata"), "annotations");
	return sd_json_get(annotations, ANNOTATION) ? MANAGED : NOT_MANAGED;
}

/* What matters for any driver that is attached: somebody must, and only one. Returns whether that is so. */
static bool check_cluster(
        struct findings *findings, const struct kubelet *kubelet, enum managed managed)
{
	if (!kubelet->pid || managed == MANAGED_UNKNOWN ||
	        kubelet->controller_attach == (managed == MANAGED))
		return true;
	if (kubelet->controller_attach)
		findings_add(findings, FINDING_FAIL, CHECK,
		        "kubelet waits for the controller-manager, which does not attach for this Node: "
		        "it has no annotation " ANNOTATION "; restart kubelet, which writes it");
	else
		findings_add(findings, FINDING_FAIL, CHECK,
		        "kubelet attaches by itself (enableControllerAttachDetach is false), and the "
		        "controller-manager does too: the Node has the annotation " ANNOTATION
		        "; restart kubelet, which takes it away");
	return false;
}

static void check_controller(
        struct findings *findings, const struct kubelet *kubelet, int plugin_fd)
{
	struct stat st;

	if (!kubelet->controller_pid) {
		findings_add(findings, FINDING_WARN, CHECK,
		        "attach is true, and the controller-manager attaches; it does not run here, so see "
		        "that the driver is in its --flex-volume-plugin-dir too");
		return;
	}
	findings_add(
	        findings, FINDING_OK, CHECK, "attach is true, and the controller-manager attaches");
	if (fstatat(plugin_fd, DRIVER_EXECUTABLE, &st, 0) == 0)
		doctor_check_seen(findings, kubelet->controller_pid, "the controller-manager",
		        kubelet->controller_dir, &st);
}

void doctor_attach(struct findings *findings, const struct kubelet *kubelet, enum managed managed,
        int plugin_fd)
{
	struct sd_error err = SD_ERROR_INIT;
	int attach = versions_attach(plugin_fd, &err);

	if (attach < 0)
		findings_add(findings, FINDING_FAIL, CHECK, "%s: mend it, or install with --attach",
		        err.text);
	else if (!attach)
		findings_add(findings, FINDING_OK, CHECK,
		        "attach is false: kubelet needs no controller");
	else if (!check_cluster(findings, kubelet, managed))
		return;
	else if (kubelet->pid ? kubelet->controller_attach : managed != NOT_MANAGED)
		check_controller(findings, kubelet, plugin_fd);
	else
		findings_add(findings, FINDING_OK, CHECK,
		        "attach is true, and kubelet attaches by itself (enableControllerAttachDetach is "
		        "false)");
}
