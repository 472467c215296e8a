/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "status.h"
#include "cleanup.h"
#include "cluster.h"
#include "pv.h"

#include <errno.h>
#include <stdio.h>

int status_ask(const char *kubeconfig, const char *node, struct pvs *ret, struct sd_error *err)
{
	_cleanup_json_ sd_json *object = NULL, *list = NULL;
	const sd_json *labels, *items;
	const char *hostname;
	char path[512];
	bool changed;
	int r;

	(void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
	r = cluster_get(kubeconfig, path, &object, err);
	if (r < 0)
		return r;
	/* PersistentVolumes are bound to a Node by its label, not by its name. */
	labels = sd_json_get(sd_json_get(object, "metadata"), "labels");
	hostname = sd_json_as_string(sd_json_get(labels, "kubernetes.io/hostname"));
	if (!hostname)
		return sd_error_set(err, EINVAL, "the Node has no label kubernetes.io/hostname");
	if (snprintf(path, sizeof(path),
	            "/api/v1/persistentvolumes?labelSelector=" PV_NODE_LABEL "%%3D%s",
	            hostname) >= (int)sizeof(path))
		return sd_error_set(err, EINVAL, "the Node's host name is too long");
	r = cluster_get(kubeconfig, path, &list, err);
	items = sd_json_get(list, "items");
	for (size_t i = 0; r == 0 && i < sd_json_size(items); i++)
		r = pvs_put(ret, sd_json_at(items, i), &changed, err);
	return r;
}
