# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A claim waits for its pod; then it gets a disk of its own, on the pod's node.
publish a --filesystem xfs
publish b --filesystem ext4

claim first 400Mi
claim second 400Mi
claim huge 2Gi
is "a claim without a pod stays Pending" "$(claim_phase first)" Pending
began=$SECONDS
read -r before _ <<<"$(driver_calls)"
# shellcheck disable=SC2016 # the pod's shell
run_pod one first 'echo one >/data/marker; sync; trap "exit 0" TERM; while :; do sleep 1; done'
running one
figure "from a pod's creation until it runs: $((SECONDS - began)) s"
read -r calls mean longest <<<"$(driver_calls)"
calls=$((calls - before))
figure "for that the driver was called $calls times, init included: $mean ms each, $longest ms the longest"
ok "its claim is bound" claim_is first Bound
is "the other claim still waits" "$(claim_phase second)" Pending
is "the pod sees its file" "$(in_pod one cat /data/marker)" one
is "and has only that in its directory" "$(in_pod one ls -A /data)" marker
run_pod two second
run_pod three huge
running two
isnt "another claim gets another disk" "$(volume_of_claim first)" "$(volume_of_claim second)"
is "which is empty" "$(in_pod two ls -A /data)" ""
ok "a claim larger than any disk: the pod's event says so" eventually "$WAIT" event_says \
	'three FailedScheduling [^$]*persistent volumes to bind'
is "and it stays Pending" "$(claim_phase huge)" Pending
like "the pod has the whole disk" "$(in_pod one df -k /data | tail -n 1)" '4[0-9]{5}'
ok "the pods are deleted" delete_pod one two three
ok "and what was mounted for them is gone" eventually 60 no_mounts

run_pod again first
running again
is "a later pod of the claim finds its data" "$(in_pod again cat /data/marker)" one
