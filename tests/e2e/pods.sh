# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh sets what is only read here
# Disks, claims and pods for scenarios. Sourced after cluster.sh and driver.sh.
#
#	publish DISK [PREPARE-OPTION...] [-- PV-OPTION...]	prepares a disk and makes its PersistentVolume, on node-a or $on_node
#	claim NAME SIZE [MODE]			a claim of class local-disk, ReadWriteOnce
#	run_pod NAME CLAIM [SHELL-COMMAND]	a pod with the claim at /data; waits for nothing
#	pod_runs NAME, pod_is_gone NAME, phase NAME, claim_phase NAME
#	in_pod NAME COMMAND...			in the pod's container, as its user
#	container_of NAME [CONTAINER]		its container's ID ("main"): another one if it was started again
#	in_container ID COMMAND...
#	said NAME				what the pod has printed
#	delete_pod NAME...			and waits
#	reset_disks				at a scenario's end: nothing left, all disks blank

CLASS=local-disk
WAIT=${WAIT:-240} # seconds, for anything that an emulated cluster does

make_storage_class() {
	api POST /apis/storage.k8s.io/v1/storageclasses '{"metadata": {"name": "'$CLASS'"},
		"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
		"allowVolumeExpansion": false}'
}

publish() {
	local disk options=() pv
	disk=$(vm dev "$1") || return 1
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	solodisk prepare "$disk" "${options[@]}" --yes >/dev/null || return 1
	pv=$(solodisk pv "$disk" --storage-class $CLASS --node "${on_node:-$node}" "$@") || return 1
	api POST /api/v1/persistentvolumes "$pv" >/dev/null
}

claim() {
	api POST /api/v1/namespaces/default/persistentvolumeclaims '{"metadata": {"name": "'"$1"'"}, "spec": {
		"storageClassName": "'"$CLASS"'", "accessModes": ["'"${3:-ReadWriteOnce}"'"],
		"resources": {"requests": {"storage": "'"$2"'"}}}}' >/dev/null
}

# run_pod NAME CLAIM [COMMAND [POD-SPEC-JSON [MOUNT-JSON]]]
run_pod() {
	local command=${3:-"trap 'exit 0' TERM; while :; do sleep 1; done"}
	local volumes='{"name": "data", "persistentVolumeClaim": {"claimName": "'"$2"'"}}'
	[ "${2:0:1}" != "{" ] || volumes=$2
	command=${command//\\/\\\\}
	command=${command//\"/\\\"}
	command=${command//$'\n'/\\n}
	command=${command//$'\t'/ }
	api POST /api/v1/namespaces/default/pods '{"metadata": {"name": "'"$1"'"}, "spec": {
		"terminationGracePeriodSeconds": 5, "automountServiceAccountToken": false, '"${4:+$4,}"'
		"containers": [{"name": "main", "image": "localhost/test:1", "imagePullPolicy": "Never",
			"command": ["/bin/sh", "-c", "'"$command"'"],
			"volumeMounts": [{"name": "data", "mountPath": "/data"'"${5:+, $5}"'}]}],
		"volumes": ['"$volumes"']}}' >/dev/null
}

# field PATH-OF-OBJECT JQ-FILTER
field() {
	api GET "$1" 2>/dev/null | jq -r "$2"
}
pod_path=/api/v1/namespaces/default/pods
claim_path=/api/v1/namespaces/default/persistentvolumeclaims
# word PATH-OF-OBJECT KEY: of a key that it has once, a word. jq takes half a second to start.
word() {
	[[ $(api GET "$1" 2>/dev/null) =~ \"$2\":\"?([A-Za-z0-9.-]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}
phase() { word "$pod_path/$1" phase; }
claim_phase() { word "$claim_path/$1" phase; }
volume_of_claim() { word "$claim_path/$1" volumeName; }
phase_is() { [ "$(phase "$1")" = "$2" ]; }
claim_is() { [ "$(claim_phase "$1")" = "$2" ]; }
pod_runs() { phase_is "$1" Running; }
pod_done() { phase_is "$1" Succeeded; }
pod_is_gone() { ! api GET "$pod_path/$1" >/dev/null 2>&1; }

# running NAME: an assertion; what happened to the pod is shown if it does not come up.
running() {
	ok "pod $1 runs" eventually "$WAIT" pod_runs "$1" || note "$(kubectl describe pod "$1" | tail -n 25)"
}

# in_pod POD COMMAND...: what kubelet would do for kubectl exec in the end; all before that takes ten seconds.
in_pod() {
	in_container "$(container_of "$1")" "${@:2}"
}
in_container() {
	"$KUBERNETES/bin/runc" --root /run/containerd/runc/k8s.io exec "$@"
}
container_of() {
	local config dir
	for dir in /run/containerd{,-b}/io.containerd.runtime.v2.task/k8s.io/*; do
		config=$(cat "$dir/config.json" 2>/dev/null)
		[[ $config == *'"io.kubernetes.cri.sandbox-name":"'"$1"'"'* ]] || continue
		[[ $config == *'"io.kubernetes.cri.container-name":"'"${2:-main}"'"'* ]] && printf '%s' "${dir##*/}"
	done
}

# said POD: its output so far, of all its starts.
said() {
	cat /var/log/pods/default_"$1"_*/main/*.log 2>/dev/null
}

delete_pod() {
	local pod
	for pod; do
		api DELETE "$pod_path/$pod" >/dev/null 2>&1
	done
	for pod; do
		eventually "$WAIT" pod_is_gone "$pod" || return 1
	done
}

# events REASON-OR-TEXT REGEX: whether an event matches.
event_says() {
	[[ $(api GET /api/v1/namespaces/default/events | jq -r '.items[] | "\(.involvedObject.name) \(.reason) \(.message)"') =~ $1 ]]
}

no_mounts() {
	[ -z "$(leftovers)" ]
}

# none_in PATH-OF-LIST
none_in() {
	[[ $(api GET "$1") == *'"items":[]'* ]]
}

reset_disks() {
	local name disk
	for name in /apis/apps/v1/namespaces/default/statefulsets "$pod_path" "$claim_path"; do
		# At once: a scenario that cares how its pods end has deleted them.
		api DELETE "$name?gracePeriodSeconds=0" >/dev/null
		eventually "$WAIT" none_in "$name"
	done
	api DELETE /api/v1/persistentvolumes >/dev/null
	ok "nothing of the scenario is left on the node" eventually 120 no_mounts || note "$(leftovers)"
	for name in "$@"; do
		disk=$(vm dev "$name") || continue
		[ -z "$(volume_of "$disk")" ] || blkdiscard -z -f "$disk" || return 1
		partx -d "$disk" 2>/dev/null
	done
}
