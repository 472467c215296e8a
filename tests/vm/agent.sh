# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # the tests read what is set here; apiserver.sh sets $kube
# The agent against a real API server, for guest tests. Source it after lib.sh, driver.sh and guest-apiserver.sh, or
# apiserver.sh.
#
# No controller runs: a test plays it, by the phases of the PersistentVolumes.

PVS=/api/v1/persistentvolumes
CONFIG=/etc/solodisk/config.json

# start_world: API server, Node, and an agent's rights as deploy/ gives them; nothing but these.
# Options are those of start_apiserver.
start_world() {
	start_apiserver "$@" || return 1
	make_node node-a host-a && make_node node-b host-b
	make_kubeconfig /run/agent.kubeconfig "$(make_token solodisk solodisk)" # and the namespace
	kubectl apply -f "$SRC/deploy/base/rbac.yaml" >/dev/null
}

# configure JSON: by a rename, as an editor does it.
configure() {
	mkdir -p "${CONFIG%/*}"
	printf '%s\n' "$1" >"$CONFIG.new" && chmod 0644 "$CONFIG.new" && mv "$CONFIG.new" "$CONFIG"
}

# start_agent: as Node node-a; sets $agent, its PID.
start_agent() {
	# Its own session, so that it can be killed with its children.
	setsid solodisk agent --node-name node-a --kubeconfig /run/agent.kubeconfig >>/run/agent.log 2>&1 &
	agent=$!
}

# stop_agent: as a DaemonSet's pod is stopped. Returns its exit status.
stop_agent() {
	kill -TERM "$agent" 2>/dev/null
	wait "$agent"
}

kill_agent() {
	kill -KILL "$agent" $(pgrep -P "$agent") 2>/dev/null
	wait "$agent" 2>/dev/null
}

# pvs: the names of all PersistentVolumes, sorted, in a line.
pvs() {
	api GET "$PVS" | grep -oE '"name": ?"(solodisk|local-pv|other)[^"]*"' | sed 's/.*"\(.*\)"/\1/' | sort | tr '\n' ' '
}
# has_pv ID, no_pv ID
has_pv() {
	api GET "$PVS/solodisk.$1" >/dev/null 2>&1
}
no_pv() {
	! has_pv "$1"
}

# pv_field ID FILTER: of the object, by jq.
pv_field() {
	api GET "$PVS/solodisk.$1" | jq -r "$2"
}

# set_phase ID PHASE: what the controller says of it.
set_phase() {
	api PATCH "$PVS/solodisk.$1/status" '{"status": {"phase": "'"$2"'"}}' >/dev/null
}

# bind ID CLAIM: the controller binds it. release ID: its claim is deleted.
bind() {
	api PATCH "$PVS/solodisk.$1" '{"spec": {"claimRef": {"kind": "PersistentVolumeClaim", "apiVersion": "v1",
		"namespace": "default", "name": "'"$2"'", "uid": "uid-'"$2"'"}}}' >/dev/null && set_phase "$1" Bound
}
release() {
	set_phase "$1" Released
}

# drop_finalizers: the controllers let go of what is deleted, and is not bound any more.
drop_finalizers() {
	local name
	for name in $(api GET "$PVS" | jq -r '.items[] | select(.metadata.deletionTimestamp).metadata.name'); do
		api PATCH "$PVS/$name" '{"metadata": {"finalizers": null}}' >/dev/null
	done
}

# events REASON: the messages of the events of this kind.
events() {
	api GET /api/v1/namespaces/default/events | jq -r '.items[] | select(.reason == "'"$1"'") |
		.involvedObject.kind + " " + .involvedObject.name + ": " + .message'
}
has_event() {
	events "$1" | grep -qE "$2"
}

# a_pv_of DISK: its volume has a PersistentVolume.
a_pv_of() {
	local id
	id=$(volume_of "$1")
	[ -n "$id" ] && [ "$(state_of "$1")" = ready ] && has_pv "$id"
}

# another_pv_of DISK ID: it has one under another ID by now, and the old one's is gone.
another_pv_of() {
	[ "$(volume_of "$1")" != "$2" ] && a_pv_of "$1" && no_pv "$2"
}

# agent_log: for a failure.
agent_log() {
	note "the agent:" "$(cat /run/agent.log; grep -a solodisk /run/syslog | tail -n 60)"
}

# pv_is_going_or_gone ID: it was deleted; what keeps it is its finalizer.
pv_is_going_or_gone() {
	local object
	object=$(api GET "$PVS/solodisk.$1" 2>/dev/null) || return 0
	[[ $object == *deletionTimestamp* ]]
}
