# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2153,SC2154 # cluster.sh sets what is only read here
# A second node of the cluster, "node-b", on the same machine: a kubelet and a containerd, with directories, an address
# and a plugin directory of their own. So is the driver's configuration, which says where this kubelet's directory is.
# Sourced by scenarios.
#
#	start_node_b, stop_node_b	stop_node_b takes the Node away too

PLUGINS_B=$PLUGINS-b

start_node_b() {
	mountpoint -q /var/lib/kubelet-b || kubelet_dir -b || return 1
	ip address add 10.10.0.2/24 dev dummy0 2>/dev/null
	deploy_driver false "$PLUGINS_B" '"kubeletDir": "/var/lib/kubelet-b"'
	start_containerd -b && import_image "$IMAGES/test.tar" -b || return 1
	start_kubelet -b 10.10.0.2 10260 "$PLUGINS_B"
	eventually "$WAIT" node_is_ready node-b
}
stop_node_b() {
	stop_kubelet -b
	stop_containerd -b
	pkill -f 'containerd-shim.*/run/containerd-b/'
	api DELETE /api/v1/nodes/node-b >/dev/null
}
