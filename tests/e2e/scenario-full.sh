# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A pod that fills its disk hurts nobody else. A pod that fills a hostPath hurts the node.
publish a --filesystem xfs
publish b --filesystem ext4
claim full 400Mi
claim neighbour 400Mi
run_pod neighbour neighbour
free_before=$(df --output=avail /var/lib/kubelet | tail -n 1)
# shellcheck disable=SC2016 # the pod's shell
run_pod filler full 'dd if=/dev/zero of=/data/fill bs=1M 2>/data/../tmp/said; cat /tmp/said; df -k /data | tail -n 1;
	trap "exit 0" TERM; while :; do sleep 1; done'
running filler
running neighbour
is_full() {
	[[ $(said filler) == *"No space left on device"*" 100% /data"* ]]
}
ok "the pod gets ENOSPC at its last byte" eventually "$WAIT" is_full || note "$(said filler)"
lost=$((free_before - $(df --output=avail /var/lib/kubelet | tail -n 1)))
ok "the node's own filesystem did not notice (KiB lost: $lost)" test "$lost" -lt 100000
ok "the neighbour writes on" in_pod neighbour sh -c 'echo hello >/data/hello && sync && grep -q hello /data/hello'
ok "the node is still ready" node_is_ready
