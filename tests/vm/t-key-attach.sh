#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# attach: true with the key in a Secret: mountdevice checks, mount stages, unmountdevice closes; two pods,
# a kubelet that is restarted at every point, with the records and without, and LUKS busy at close. Then
# the disk is pulled: what is told of its mapping, and when that is closed.
# vm: --disk nvme,size=128M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver true
key=$(new_key tenant)
wrong=$(new_key wrong)
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:tenant)
part=/dev/nvme0n1p1
checked=$(options "$id" pv encryption=luks2 key=secret:key)
full=$(luks_options "$id" "$key" pv)
stage=$STAGES/solodisk.$id
one=$(pod 1 "solodisk.$id")
two=$(pod 2 "solodisk.$id")
mapping() {
	[[ $(cat /sys/block/dm-*/dm/name 2>/dev/null) == *solodisk-${id//-/}* ]]
}

# What mountdevice refuses, though it has no key.
before=$(digests nvme0)
fails "another disk" "WWID" mountdevice "$stage" $part "$(options "$id" pv encryption=luks2 key=secret:key wwid=eui.0bad)"
fails "another device" "is not volume" mountdevice "$stage" /dev/nvme0n1 "$checked"
fails "a volume that is plain by its options" "is encrypted" mountdevice "$stage" $part "$(options "$id" pv)"
fails "another's name" "only a PersistentVolume named" mountdevice "$stage" $part \
	"$(options "$id" encryption=luks2 key=secret:key kubernetes.io/pvOrVolumeName=data)"
is "no refusal wrote to the disk" "$(digests nvme0)" "$before"
no_leftovers "nor left anything"

# A mount that never comes, and one with a wrong key.
succeeds "mountdevice" mountdevice "$stage" $part "$checked"
like "it has only checked" "$message" "was checked; mount, which gets the Secret, stages it"
not_ok "nothing is mounted" mountpoint -q "$stage"
not_ok "nothing is open" mapping
fails "another stage for it is refused" "is staged at $stage already" \
	mountdevice "$STAGES/elsewhere" $part "$checked"
fails "mount with a wrong key" "wrong key for volume $id" mount "$one" "$(luks_options "$id" "$wrong" pv)"
not_ok "nothing is mounted" mountpoint -q "$stage"
not_ok "nothing is open" mapping
succeeds "unmountdevice, when nobody has mounted" unmountdevice "$stage"
no_leftovers "nothing is left"

# kubelet forgets what it did and asks for it again; with "lost" the node's records are gone as well.
restart() {
	if [ $kind = lost ]; then
		rm -rf /run/solodisk/volume
	fi
	succeeds "$kind: after a restart, at $1: mountdevice again" mountdevice "$stage" $part "$checked"
	shift
	for target; do
		if [ $kind = kept ]; then
			succeeds "$kind: and mount again" mount "$target" "$full"
		else # kubelet does not call: it takes a mounted target for done
			fails "$kind: and mount again changes nothing" "already carries a mount" mount "$target" "$full"
		fi
	done
}
for kind in kept lost; do
	succeeds "$kind: mountdevice" mountdevice "$stage" $part "$checked"
	restart "mountdevice"
	succeeds "$kind: mount" mount "$one" "$full"
	ok "$kind: it is staged where unmountdevice looks" mountpoint -q "$stage"
	restart "the first pod" "$one"
	succeeds "$kind: a second pod" mount "$two" "$full"
	echo hello >"$one/file"
	restart "two pods" "$one" "$two"
	is "$kind: each pod sees the file" "$(cat "$two/file")" hello
	is "$kind: there is one stage and one bind a pod" "$(grep -c 'solodisk\.' /proc/self/mountinfo)" 3
	[ $kind = kept ] || rm -rf /run/solodisk/volume
	succeeds "$kind: unmount of the first" unmount "$one"
	fails "$kind: unmountdevice waits for the second" "still mounted at $two" unmountdevice "$stage"
	is "$kind: which notices nothing" "$(cat "$two/file")" hello
	[ $kind = kept ] || rm -rf /run/solodisk/volume
	succeeds "$kind: unmount of the second" unmount "$two"
	ok "$kind: the stage waits for unmountdevice" mountpoint -q "$stage"

	# LUKS is busy: somebody has the mapping's node open.
	node=$(findmnt -nro SOURCE "$stage")
	exec 7<"$node"
	[ $kind = kept ] || rm -rf /run/solodisk/volume
	fails "$kind: unmountdevice, with LUKS busy" "is in use" unmountdevice "$stage"
	ok "$kind: the stage is there again, so that kubelet comes back" mountpoint -q "$stage"
	succeeds "$kind: and serves a pod" mount "$one" "$full"
	is "$kind: which has its data" "$(cat "$one/file")" hello
	succeeds "$kind: unmount" unmount "$one"
	exec 7<&-
	succeeds "$kind: unmountdevice, when it is free" unmountdevice "$stage"
	not_ok "$kind: LUKS is closed" mapping
	succeeds "$kind: detach" detach "solodisk.$id" node1
	no_leftovers "$kind: nothing is left"
done

# The disk is pulled under a pod and put back: its mapping is told of, and closed when it is unused.
name=solodisk-${id//-/}
succeeds "mountdevice" mountdevice "$stage" $part "$checked"
succeeds "mount" mount "$one" "$full"
sync
vm unplug --surprise nvme0
solodisk list >/tmp/list
like "list tells of the mapping" "$(tail -1 /tmp/list)" \
	"^$name \(/dev/dm-[0-9]+\) of volume $id lies on a disk that is gone; it is still mounted at /var/lib/kubelet"
is "so does its JSON" "$(solodisk list --json | jq -r '.deadMappings[] | .mapping, .volumeID, (.mounts | length)')" \
	"$name"$'\n'"$id"$'\n'2
exits "show finds no disk" 4 solodisk show "$id"
like "but tells of the mapping too" "$(<"$tests_output")" "but $name .*lies on a disk that is gone"
vm plug nvme0
disk=$(vm dev nvme0)
part=${disk}p1
like "show tells of it when the disk is back" "$(solodisk show "$disk")" "Mapping +the mapping $name lies on [0-9:]+ \(a disk that is gone\)"
before=$(digests nvme0)
fails "a second pod does not get the new disk while the first has the old one" \
	"was pulled and put back, but what was on it then is still mounted at $one" mount "$two" "$full"
ok "the first one's mount is untouched" mountpoint -q "$one"
exits "nor is the volume erased" 3 solodisk erase --no-prepare --yes "$disk"
is "no refusal wrote to the disk" "$(digests nvme0)" "$before"
umount -l "$one" # the pod is gone, kubelet did not come to unmount
succeeds "then the dead stage and mapping give way" mount "$two" "$full"
is "to the data" "$(cat "$two/file")" hello
is "which lies on the new one" "$(ls "/sys/block/$(basename "$(findmnt -nro SOURCE "$stage")")/slaves")" "${part#/dev/}"
ok "and the log says so" grep -aq "closed the mapping $name, which was left by a disk that is gone" /run/syslog
succeeds "unmount" unmount "$two"
succeeds "unmountdevice" unmountdevice "$stage"
no_leftovers "nothing is left"

cryptsetup open --key-file "$key" "$part" "$name"
vm unplug --surprise nvme0
vm plug nvme0
disk=$(vm dev nvme0)
like "a dead mapping that nobody mounts" "$(solodisk list | tail -1)" "it is mounted nowhere, and is closed when"
node=/dev/$(basename "$(dirname "$(dirname "$(grep -l "$name" /sys/block/dm-*/dm/name)")")")
exec 7<"$node"
before=$(digests nvme0)
exits "erase refuses while somebody holds it" 3 solodisk erase --no-prepare --yes "$disk"
like "and says so" "$(<"$tests_output")" "left by a disk that is gone, and something still uses it"
is "no refusal wrote to the disk" "$(digests nvme0)" "$before"
ok "it is still there" mapping
exec 7<&-
ok "and erases when it is free" solodisk erase --no-prepare --yes "$disk"
not_ok "the mapping is closed" mapping
unlike "and told of no more" "$(solodisk list)" "a disk that is gone"
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
