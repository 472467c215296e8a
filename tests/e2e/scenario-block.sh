# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# A disk in block mode: the agent publishes it, kubelet gives the pod the partition as a device, and the next pod finds
# zeros. No driver takes part; kubelet holds the device with a loop device of its own while the pod is there.
. "$SRC/tests/e2e/agent.sh"
. "$SRC/tests/vm/tenant.sh" # found
disk=$(vm dev f)
serial=$(solodisk list --json "$disk" | jq -r '.disks[0].serial')

# is_published [NOT-THIS-ID]; and the link that udev makes on a node, and this machine has none.
is_published() {
	local id
	id=$(volume_of "$disk")
	[ -n "$id" ] && [ "$id" != "${1:-}" ] &&
		[ "$(field "/api/v1/persistentvolumes/solodisk.$id" '.status.phase + .spec.volumeMode')" = AvailableBlock ] || return 1
	mkdir -p /dev/disk/by-partuuid
	ln -sfn "${disk}1" "/dev/disk/by-partuuid/$id"
}
# raw NAME COMMAND: a claim and its pod, which has the volume as /dev/data.
raw() {
	api POST "$claim_path" '{"metadata": {"name": "'"$1"'"}, "spec": {"storageClassName": "'"$CLASS"'", "volumeMode": "Block",
		"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "40Mi"}}}}' >/dev/null
	api POST "$pod_path" '{"metadata": {"name": "'"$1"'"}, "spec": {"terminationGracePeriodSeconds": 5,
		"automountServiceAccountToken": false, "containers": [{"name": "main", "image": "localhost/test:1",
			"imagePullPolicy": "Never", "command": ["/bin/sh", "-c", "'"$2; trap 'exit 0' TERM; while :; do sleep 1; done"'"],
			"volumeDevices": [{"name": "data", "devicePath": "/dev/data"}]}],
		"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "'"$1"'"}}]}}' >/dev/null
}
zeros() {
	in_pod "$1" cmp -n $((40 << 20)) /dev/data /dev/zero
}

ok "an agent runs" start_agent '{"pools": [{"name": "raw", "storageClass": "'"$CLASS"'", "disks": [{"serial": ["'"$serial"'"]}],
	"volumeMode": "Block", "prepare": "automatic", "reclaimPolicy": "Delete"}]}'
ok "it prepares and publishes the disk" eventually "$WAIT" is_published || note "$(kubectl get pv -o yaml 2>&1)"
first=$(volume_of "$disk")
raw first true
running first
is "the claim has it" "$(volume_of_claim first)" "solodisk.$first"
ok "the pod has a device of zeros" zeros first
ok "and writes" in_pod first sh -c 'cat >/dev/data && sync' <"$marker"
is "which is on the disk" "$(found "$marker" "$disk")" 1
like "while the pod is there erase refuses, and says why" "$(solodisk erase --yes "$disk" 2>&1)" "in use|has it open"
ok "the pod is deleted" delete_pod first
api DELETE "$claim_path/first" >/dev/null
ok "and the claim: the disk is erased and published again" eventually "$WAIT" is_published "$first" ||
	note "$(tail -n 20 "$kube/log/agent.log")" "$(kubectl get pv 2>&1)"
is "of the pod's data nothing is left" "$(found "$marker" "$disk")" 0
raw second true
running second
ok "the next pod finds zeros" zeros second
ok "its pod is deleted" delete_pod second
stop_agent
