#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mark with systemd-udevd about, which takes a partition's node away while it looks at a disk.
#
# vm: --udev --disk nvme,name=n512,size=256M --disk scsi,name=s4096,size=256M,lbs=4096
# timeout: 600
. "$SRC/tests/vm/lib.sh"

PATH=$BUILD/tests/vm:$PATH
mkdir -p /mnt/volume

for name in n512 s4096; do
	disk=$(vm dev "$name")
	id=$(cat /proc/sys/kernel/random/uuid)
	ok "$name: a blank disk is free" volume-tool free "$disk"
	ok "$name: create" volume-tool create "$disk" "$id"
	part=$(volume-tool find "$id" none | cut -d' ' -f2)
	ok "$name: ready" volume-tool state "$disk" ready
	udevadm settle
	is "$name: udev shows the mark" "$(lsblk -dnro PARTTYPE,PARTLABEL,PARTUUID "$part")" \
		"c2b0e314-76ad-4578-a8b0-a0c361a991d7 solodisk-ready-${id:0:8} $id"
	ok "$name: by-partuuid leads to it" test "/dev/disk/by-partuuid/$id" -ef "$part"
	# udevd re-reads the table when a disk that was open for writing is closed; under our lock it
	# does not.
	found=0
	for ((i = 0; i < 15; i++)); do
		: >>"$disk" # open for writing and close, as anyone may
		volume-tool find "$id" none >/dev/null && found=$((found + 1))
	done
	is "$name: found every time while udevd looks" "$found" 15
	ok "$name: a link to the disk is the disk" volume-tool resolve "$(find /dev/disk/by-id -lname "*/${disk#/dev/}" | head -n 1)"
	# udevd may be looking again, and then the partition and its link are away for a moment.
	eventually 10 test -b "/dev/disk/by-partuuid/$id"
	udevadm settle
	text=$(volume-tool resolve "/dev/disk/by-partuuid/$id" 2>&1)
	like "$name: a link to the partition is refused" "$text" "^EINVAL: .*is a partition; .* this one's is ${disk#/dev/}$"
	dd if=/dev/zero of="$disk" bs=4096 count=8 oflag=direct conv=notrunc status=none
	udevadm settle
	like "$name: a lost start is mended" "$(volume-tool find "$id" none 2>&1)" "^${disk#/dev/} $part .* $id ready 1 1048576 [0-9]+$"
	udevadm settle
	ok "$name: and the links are back" eventually 10 test "/dev/disk/by-partuuid/$id" -ef "$part"
	ok "$name: given back" volume-tool remove "$disk"
	udevadm settle
	not_ok "$name: its links are gone" test -e "/dev/disk/by-partuuid/$id"
	ok "$name: free" volume-tool free "$disk"
done
done_testing
