#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# attach: true, the full life cycle in kubelet's order, plain and LUKS2 with its key in a Secret.
# vm: --disk nvme,size=512M --disk nvme,size=512M --udev
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver true
key=$(new_key tenant)
plain=$(prepare /dev/nvme0n1 --filesystem xfs)
secret=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant)

succeeds "init" init
is "init says all five capabilities" "$(jq -Sc .capabilities <<<"$answer")" \
	'{"attach":true,"fsGroup":true,"requiresFSResize":true,"selinuxRelabel":true,"supportsMetrics":true}'
call getvolumename "$(options "$plain")"
is "getvolumename is not supported" "$result:$status" "Not supported:0"

# life KIND ID OPTIONS OPTIONS-WITH-SECRET: attach ... detach, each verb twice.
life() {
	local kind=$1 id=$2 opts=$3 full=$4 stage=$STAGES/solodisk.$2 target second device
	target=$(pod 1 "solodisk.$id")
	second=$(pod 2 "solodisk.$id")
	mkdir -p "$stage"
	for _ in 1 2; do
		succeeds "$kind: attach" attach "$opts" node1
		is "$kind: it answers the link" "$(jq -r .device <<<"$answer")" "/dev/disk/by-partuuid/$id"
	done
	succeeds "$kind: isattached" isattached "$opts" node1
	is "$kind: attached is true" "$(jq .attached <<<"$answer")" true
	succeeds "$kind: waitforattach" waitforattach "/dev/disk/by-partuuid/$id" "$opts"
	device=$(jq -r .device <<<"$answer")
	ok "$kind: it answers a block device" test -b "$device"
	for _ in 1 2; do
		succeeds "$kind: mountdevice" mountdevice "$stage" "$device" "$opts"
	done
	for _ in 1 2; do
		succeeds "$kind: mount" mount "$target" "$full"
	done
	ok "$kind: the stage is mounted where unmountdevice looks" mountpoint -q "$stage"
	succeeds "$kind: a second pod" mount "$second" "$full"
	ok "$kind: write" sh -c "echo hello >$target/file"
	succeeds "$kind: unmount" unmount "$target"
	fails "$kind: unmountdevice is refused while a pod uses it" "still mounted at $second" \
		unmountdevice "$stage"
	is "$kind: and the second pod notices nothing" "$(cat "$second/file")" hello
	succeeds "$kind: unmount of the second" unmount "$second"
	ok "$kind: the stage stays until unmountdevice" mountpoint -q "$stage"
	for _ in 1 2; do
		succeeds "$kind: unmountdevice" unmountdevice "$stage"
	done
	for _ in 1 2; do
		succeeds "$kind: detach" detach "solodisk.$id" node1
	done
	no_leftovers "$kind: nothing is left"
}

life plain "$plain" "$(options "$plain" pv)" "$(options "$plain" pv)"
life LUKS2 "$secret" "$(options "$secret" pv encryption=luks2 key=secret:key)" \
	"$(luks_options "$secret" "$key" pv)"

# LUKS busy at close: somebody else holds the mapping.
stage=$STAGES/solodisk.$secret
target=$(pod 3 "solodisk.$secret")
succeeds "mountdevice without the Secret only checks" mountdevice "$stage" /dev/nvme1n1p1 \
	"$(options "$secret" pv encryption=luks2 key=secret:key)"
not_ok "and mounts nothing" mountpoint -q "$stage"
succeeds "mount stages it" mount "$target" "$(luks_options "$secret" "$key" pv)"
succeeds "unmount" unmount "$target"
mapping=/dev/$(basename "$(dirname "$(dirname "$(grep -l "solodisk-${secret//-/}" /sys/block/dm-*/dm/name)")")")
exec 7<"$mapping"
fails "unmountdevice with the mapping held is a Failure" "." unmountdevice "$stage"
ok "and the stage is there again, so that kubelet calls again" mountpoint -q "$stage"
exec 7<&-
succeeds "unmountdevice when it is free" unmountdevice "$stage"
no_leftovers "nothing is left at the end"

fails "mountdevice with the device of another volume" "is not volume" \
	mountdevice "$STAGES/solodisk.$plain" /dev/nvme1n1p1 "$(options "$plain" pv)"
fails "waitforattach names the disk's fault at once" "WWID|wwid" waitforattach x \
	"$(options "$plain" pv wwid=eui.0000000000000bad)"

call expandvolume "$(options "$plain" pv)" /dev/x 2Gi 1Gi
is "expandvolume" "$result" Success
call expandfs "$(options "$plain" pv)" "" "$(pod 9)" 2Gi 1Gi
is "expandfs before staging leaves it to mount" "$result" Success
like "and says so" "$message" "not staged"
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
