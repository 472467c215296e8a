# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh sets what is only read here
# The agent as a process of the node, with the rights that deploy/ gives it. Sourced by scenarios.
#
#	start_agent [CONFIG-JSON]	and waits until it has seen every disk
#	restart_agent			after stop_agent, or when it was killed
#	stop_agent
#	node_event REASON REGEX		whether the agent said so, on the Node or on a PersistentVolume

start_agent() {
	mkdir -p /etc/solodisk
	printf '%s\n' "${1:-{\}}" >/etc/solodisk/config.json
	chmod 0644 /etc/solodisk/config.json
	make_kubeconfig "$kube/agent.kubeconfig" "$(make_token solodisk solodisk)" # and the namespace
	api GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/solodisk >/dev/null 2>&1 ||
		kubectl apply -f "$SRC/deploy/base/rbac.yaml" >/dev/null
	restart_agent
}
restart_agent() {
	start_daemon agent "$BUILD/solodisk" agent --node-name "$node" --kubeconfig "$kube/agent.kubeconfig"
	eventually "$WAIT" "$BUILD/solodisk" agent --probe
}
stop_agent() {
	stop_daemon agent
}

node_event() {
	api GET /api/v1/namespaces/default/events | jq -r '.items[] | select(.reason == "'"$1"'").message' | grep -qE "$2"
}
