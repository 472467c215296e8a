#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# attach: false, as kubelet calls it: plain and LUKS2, XFS and ext4; two pods; every verb twice; a
# reboot between mount and unmount.
# vm: --disk nvme,size=512M --disk nvme,size=512M --disk scsi,size=512M --disk nvme,size=512M,lbs=4096
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
disks=(/dev/nvme0n1 /dev/nvme1n1 /dev/sda /dev/nvme2n1)
filesystems=(xfs ext4 xfs ext4)
luks=("" "" yes yes)
key=$KEYS/tenant

# options_of N [KEY=VALUE...]
options_of() {
	local n=$1 id
	shift
	id=$(<"$STATE/id$n")
	if [ -n "${luks[$n]}" ]; then
		luks_options "$id" "$key" wwid="$(wwid_of "${disks[$n]}")" pv "$@"
	else
		options "$id" wwid="$(wwid_of "${disks[$n]}")" pv "$@"
	fi
}

first_boot() {
	local n id target second
	new_key tenant >/dev/null
	cp "$key" "$STATE/key"
	for n in 0 1 2 3; do
		if [ -n "${luks[$n]}" ]; then
			id=$(prepare "${disks[$n]}" --filesystem "${filesystems[$n]}" --encrypt luks2 --key file:tenant)
		else
			id=$(prepare "${disks[$n]}" --filesystem "${filesystems[$n]}")
		fi
		echo "$id" >"$STATE/id$n"
		like "disk $n is prepared" "$id" '^[0-9a-f]{8}-'
		is "and ready" "$(state_of "${disks[$n]}")" ready
		target=$(pod "$n")
		second=$(pod "1$n")
		kind="${filesystems[$n]}${luks[$n]:+ over LUKS2}"

		succeeds "$kind: mount" mount "$target" "$(options_of "$n")"
		is "$kind: the volume is used now" "$(state_of "${disks[$n]}")" used
		is "$kind: the target is the volume's data/" \
			"$(findmnt -nro FSTYPE,FSROOT "$target")" "${filesystems[$n]} /data"
		is "$kind: the database's directory is empty" "$(ls -A "$target")" ""
		ok "$kind: it can be written" sh -c "echo tenant$n >$target/file"
		succeeds "$kind: mount, repeated" mount "$target" "$(options_of "$n")"
		is "$kind: is still one mount" "$(findmnt -nro TARGET "$target" | wc -l)" 1
		succeeds "$kind: a second pod, read-only" mount "$second" "$(options_of "$n" kubernetes.io/readwrite=ro)"
		is "$kind: the second pod reads it" "$(cat "$second/file")" "tenant$n"
		not_ok "$kind: and cannot write" touch "$second/other"
		ok "$kind: but the first can" touch "$target/other"
		succeeds "$kind: unmount of the first" unmount "$target"
		not_ok "$kind: it is no mount point any more" mountpoint -q "$target"
		ok "$kind: the directory stays, for kubelet to remove" test -d "$target"
		is "$kind: the second still reads" "$(cat "$second/file")" "tenant$n"
		succeeds "$kind: unmount, repeated" unmount "$target"
		succeeds "$kind: unmount of the second" unmount "$second"
		no_leftovers "$kind: after the last unmount nothing is left"
	done
	for n in 0 1 2 3; do
		target=$(pod "$n")
		succeeds "disk $n: mounted, and the power goes" mount "$target" "$(options_of "$n")"
		sync -f "$target/file"
	done
}

second_boot() {
	local n target
	(umask 077 && mkdir -p "$KEYS" && cp "$STATE/key" "$key")
	for n in 0 1 2 3; do
		target=$(pod "$n")
		mkdir -p "$target"
		succeeds "after the power cut: unmount of what is no mount" unmount "$target"
		succeeds "mount again" mount "$target" "$(options_of "$n")"
		is "the data is there" "$(cat "$target/file")" "tenant$n"
		succeeds "unmount" unmount "$target"
	done
	no_leftovers
}

if [ "$BOOT" = 1 ]; then
	first_boot
	vm power-cut
fi
second_boot
answers_are_json
done_testing
