# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh sets what is only read here
# Disks, claims and pods for scenarios. Sourced after cluster.sh and driver.sh.
#
#	publish DISK [PREPARE-OPTION...] [-- PV-OPTION...]	prepares a disk and makes its PersistentVolume
#	claim NAME SIZE [MODE]			a claim of class local-disk, ReadWriteOnce
#	run_pod NAME CLAIM [SHELL-COMMAND]	a pod with the claim at /data; waits for nothing
#	pod_runs NAME, pod_is_gone NAME, phase NAME, claim_phase NAME
#	in_pod NAME COMMAND...			kubectl exec
#	delete_pod NAME...			and waits
#	reset_disks				at a scenario's end: nothing left, all disks blank

CLASS=local-disk
WAIT=${WAIT:-240} # seconds, for anything that an emulated cluster does

make_storage_class() {
	kubectl apply -f - <<-EOF
		{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "$CLASS"},
		 "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
		 "allowVolumeExpansion": false}
	EOF
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
	pv=$(solodisk pv "$disk" --storage-class $CLASS --node "$node" "$@") || return 1
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
phase() { field "$pod_path/$1" .status.phase; }
claim_phase() { field "$claim_path/$1" .status.phase; }
volume_of_claim() { field "$claim_path/$1" .spec.volumeName; }
phase_is() { [ "$(phase "$1")" = "$2" ]; }
claim_is() { [ "$(claim_phase "$1")" = "$2" ]; }
pod_runs() { phase_is "$1" Running; }
pod_done() { phase_is "$1" Succeeded; }
pod_is_gone() { ! api GET "$pod_path/$1" >/dev/null 2>&1; }

# running NAME: an assertion; what happened to the pod is shown if it does not come up.
running() {
	ok "pod $1 runs" eventually "$WAIT" pod_runs "$1" || note "$(kubectl describe pod "$1" | tail -n 25)"
}

in_pod() {
	kubectl exec "$1" -- "${@:2}"
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

reset_disks() {
	local name disk
	kubectl delete statefulset,pod,pvc --all --wait=true --timeout="${WAIT}s" >/dev/null 2>&1
	kubectl delete pv --all --wait=false >/dev/null 2>&1
	ok "nothing of the scenario is left on the node" eventually 120 no_mounts || note "$(leftovers)"
	for name in "$@"; do
		disk=$(vm dev "$name") || continue
		[ -z "$(volume_of "$disk")" ] || blkdiscard -z -f "$disk" || return 1
		partx -d "$disk" 2>/dev/null
	done
}
