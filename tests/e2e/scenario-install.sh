# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# As a user installs it: kubectl apply -k, and nothing by hand on the node. The init container brings the driver, the
# DaemonSet's agent prepares the disks that its configuration names and publishes them, a claim binds, a pod writes.
. "$SRC/tests/e2e/install.sh"
first=$(vm dev a) second=$(vm dev d)
serial=$(solodisk list --json "$second" | jq -r '.disks[0].serial')

ok "kubectl apply -k: the agent's pod is ready" install_solodisk '{"scanSeconds": 10, "pools": [
	{"name": "fast", "storageClass": "'"$CLASS"'", "disks": [{"wwid": ["'"$(wwid_of "$first")"'"]}],
	 "filesystem": "xfs", "mountOptions": "noatime", "prepare": "automatic", "reclaimPolicy": "Delete"},
	{"name": "slow", "storageClass": "'"$CLASS"'", "disks": [{"serial": ["'"$serial"'"], "transport": ["scsi"]}],
	 "filesystem": "ext4", "prepare": "automatic"}]}' || show_agent
note "installed after $SECONDS s"
is "the init container put the driver into kubelet's plugin directory" \
	"$("$DRIVER_DIR/disk" init | jq -r '.status + " " + (.capabilities.attach | tostring)')" "Success false"
is "the agent's pod has an account of its own" \
	"$(field "/api/v1/namespaces/solodisk/pods/$(agent_pod)" .spec.serviceAccountName)" solodisk
not_ok "which may read no Secret" kubectl auth can-i get secrets --quiet --as system:serviceaccount:solodisk:solodisk
for disk in "$first" "$second"; do
	ok "$disk is prepared and published" eventually "$WAIT" is_clean "$disk" || show_agent
done
is "a disk of no pool is left alone" "$(volume_of "$(vm dev b)")" ""
ok "to its last byte" cmp -n $((512 << 20)) "$(vm dev b)" /dev/zero
in_agent() {
	in_container "$(container_of "$(agent_pod)" agent)" "$@"
}
like "solodisk list, in the pod" "$(in_agent solodisk list "$first")" "ready.*$(volume_of "$first" | cut -c 1-8)"

claim data 400Mi
run_pod one data 'echo one >/data/marker; sync; trap "exit 0" TERM; while :; do sleep 1; done'
running one
is "the pod sees its file" "$(in_pod one cat /data/marker)" one
used=$(volume_of_claim data)
used=${used#solodisk.}
[ "$(volume_of "$first")" = "$used" ] || { other=$first first=$second second=$other; } # either will do
is "its disk is marked" "$(volume_of "$first") $(state_of "$first") $(state_of "$second")" "$used used ready"

# Another agent while a pod uses its disk: nothing of the pod's is touched. t-image.sh has more of the agent's container.
old_agent=$(agent_pod)
api DELETE "/api/v1/namespaces/solodisk/pods/$old_agent?gracePeriodSeconds=0" >/dev/null
new_agent() {
	local pod
	pod=$(agent_pod)
	[ -n "$pod" ] && [ "$pod" != "$old_agent" ] && agent_is_ready
}
ok "another agent takes over" eventually "$WAIT" new_agent || show_agent
is "the pod's disk is as it was" "$(in_pod one cat /data/marker)" one
ok "the pod is deleted" delete_pod one
ok "nothing is mounted any more" eventually 60 no_mounts || note "$(leftovers)"

ok "uninstalled, as the page says" uninstall_solodisk
is "the disks keep their volumes" "$(volume_of "$first") $(state_of "$first") $(state_of "$second")" "$used used ready"
