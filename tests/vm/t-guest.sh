#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The test guest itself, from the inside: what a test may rely on.
#
# vm: --disk nvme,size=1G,serial=A1 --disk nvme,size=2G,lbs=4096,eui=0x52540000000000b2
# vm: --disk nvme,eui=none,serial=C3 --disk scsi,wwn=0x5000c500000000d4,lbs=4096,rotational=on
# vm: --disk scsi,ro=on --disk virtio,serial=V6 --disk scsi,name=late,plugged=off
# vm: --disk nvme,name=spare,plugged=off
# timeout: 240
. "$SRC/tests/vm/lib.sh"

sysfs() {
	cat "/sys/class/block/$1"
}

first_boot() {
	is "NVMe disks come in the order of their slots" "$(vm dev nvme0) $(vm dev nvme1)" \
		"/dev/nvme0n1 /dev/nvme1n1"
	is "so do SCSI disks" "$(vm dev scsi0) $(vm dev scsi1)" "/dev/sda /dev/sdb"
	is "NVMe has a default EUI-64" "$(sysfs nvme0n1/wwid)" eui.5254000000000101
	is "NVMe has the wanted EUI-64" "$(sysfs nvme1n1/wwid)" eui.52540000000000b2
	like "NVMe without EUI-64 has its serial in the WWID" "$(sysfs nvme2n1/wwid)" \
		'^nvme\.1b36-4333(20)*-'
	is "NVMe serial" "$(sysfs nvme0n1/device/serial | tr -d ' ')" A1
	is "SCSI WWN" "$(sysfs sda/device/wwid)" naa.5000c500000000d4
	is "virtio serial" "$(sysfs vda/serial)" V6
	is "size in 512-byte units" "$(sysfs nvme1n1/size)" 4194304
	is "4096-byte NVMe sectors" "$(sysfs nvme1n1/queue/logical_block_size)" 4096
	is "4096-byte SCSI sectors" "$(sysfs sda/queue/logical_block_size)" 4096
	is "a rotational disk" "$(sysfs sda/queue/rotational)" 1
	is "a disk that is not" "$(sysfs sdb/queue/rotational)" 0
	is "a read-only disk" "$(sysfs sdb/ro)" 1
	not_ok "a disk may be absent" vm dev late
	not_ok "an NVMe disk too" vm dev spare

	# The machine
	is "the source is the working directory" "$PWD" "$SRC"
	is "root" "$(id -u)" 0
	is "cgroup v2" "$(stat -fc %T /sys/fs/cgroup)" cgroup2fs
	is "/ is shared, as systemd has it" "$(findmnt -no PROPAGATION /)" shared
	ok "the loopback interface is up" ip -4 -o addr show dev lo to 127.0.0.1
	is "no other network" "$(ls /sys/class/net)" lo
	ok "a module loads" modprobe dm-flakey
	ok "loop devices" losetup -f
	logger -t probe "logged in the guest"
	ok "syslog is readable" eventually 5 grep -q "probe: logged in the guest" /run/syslog
	is "no udev unless asked for" "$(pgrep -c systemd-udevd)" 0

	# The host is out of reach
	echo changed >/etc/hostname
	is "the guest writes to its own copy" "$(</etc/hostname)" changed
	local exported
	exported=/lib/modules/$(uname -r)
	is "the modules are the host's export itself" "$(findmnt -no FSTYPE -T "$exported")" 9p
	not_ok "it is not writable" touch "$exported/written"
	mount -o remount,rw "$exported"
	not_ok "not even when the guest takes it for writable" touch "$exported/written"
	like "because the host refuses" "$(touch "$exported/written" 2>&1)" "Read-only file system"

	# Partitions
	sgdisk -n 1:2048:+64M -c 1:label /dev/nvme0n1 >/dev/null
	ok "a new partition appears" eventually 5 test -b /dev/nvme0n1p1
	is "with its name" "$(sed -n s/PARTNAME=//p /sys/class/block/nvme0n1p1/uevent)" label
	echo 'size=64M' | sfdisk -q -X gpt "$(vm dev nvme1)"
	ok "also on 4096-byte sectors" eventually 5 test -b /dev/nvme1n1p1

	# From the outside
	local before
	before=$(vm crc nvme2)
	is "nothing written, the same digest" "$(vm crc nvme2)" "$before"
	printf x | dd of=/dev/nvme2n1 bs=1 seek=12345678 conv=fsync status=none
	isnt "one byte written, another digest" "$(vm crc nvme2)" "$before"
	printf '\0' | dd of=/dev/nvme2n1 bs=1 seek=12345678 conv=fsync status=none
	is "and back" "$(vm crc nvme2)" "$before"
	is "memory holds what it was never given 0 times" \
		"$(vm memory-has --hex "$(echo "$before" | rev)")" 0
	echo "a pattern of some length: $before" >/tmp/pattern
	isnt "memory holds a file's content" "$(vm memory-has /tmp/pattern)" 0
	not_ok "an unknown request fails" vm make-coffee
	not_ok "an unknown disk, too" vm crc nvme9

	errors_and_delays
	plugging

	mkfs.ext4 -q /dev/vda
	mount /dev/vda /mnt
	echo durable >/mnt/synced
	sync
	echo "lost" >/mnt/cached
	echo "kept" >"$STATE/note"
	vm power-cut
}

read_block() {
	timeout -k 1 5 dd if="$1" of=/dev/null bs=4096 count=1 iflag=direct status=none
}

write_block() {
	dd if=/dev/zero of="$1" bs=4096 count=1 seek=1000 oflag=direct status=none
}

errors_and_delays() {
	local disk device
	for disk in nvme2 scsi0 virtio0; do
		device=$(vm dev $disk)
		vm errors $disk on write
		not_ok "$disk: writes fail" write_block "$device"
		ok "$disk: reads do not" read_block "$device"
		vm errors $disk on
		not_ok "$disk: reads fail" read_block "$device"
		vm errors $disk off
		ok "$disk: reads are well again" read_block "$device"
		ok "$disk: so are writes" write_block "$device"
	done
	vm hang nvme2 on
	(read_block /dev/nvme2n1; echo $? >/tmp/hung) &
	sleep 2
	not_ok "a request hangs" test -e /tmp/hung
	vm hang nvme2 off
	ok "until it is let go" eventually 10 test -e /tmp/hung
	is "and then succeeds" "$(cat /tmp/hung)" 0
	vm throttle virtio0 1000000
	local began=$SECONDS
	dd if=/dev/vda of=/dev/null bs=64k count=60 iflag=direct status=none
	ok "a slow disk is slow" test $((SECONDS - began)) -ge 2
	vm throttle virtio0 0
}

plugging() {
	local disk
	for disk in nvme2 scsi0 virtio0; do
		ok "$disk is unplugged" vm unplug $disk
		not_ok "$disk is gone" vm dev $disk
		ok "$disk is plugged" vm plug $disk
		ok "$disk is back" vm dev $disk
	done
	ok "a disk that was absent is plugged" vm plug late
	ok "an absent NVMe disk" vm plug spare
	is "with its own identity" "$(sysfs "$(basename "$(vm dev spare)")/wwid")" \
		eui.5254000000000108
	mkfs.xfs -q /dev/nvme2n1
	mount /dev/nvme2n1 /mnt
	ok "a mounted disk is pulled" vm unplug --surprise nvme2
	not_ok "its file system notices" touch /mnt/file
	umount /mnt
	ok "and it comes back" vm plug nvme2
	ok "with a clean mount" mount "$(vm dev nvme2)" /mnt
	umount /mnt
	vm grow virtio0 2G
	ok "virtio grows at once" eventually 5 grep -qx 4194304 /sys/block/vda/size
	vm grow late 3G
	ok "SCSI grows at once" eventually 5 grep -qx 6291456 \
		"/sys/block/$(basename "$(vm dev late)")/size"
	ok "NVMe will grow" vm grow nvme0 4G
	not_ok "nothing shrinks" vm grow nvme0 1G
	ok "two disks change places" vm swap nvme0 nvme1
	not_ok "but not of two types" vm swap nvme0 scsi0
}

second_boot() {
	is "\$STATE survives" "$(cat "$STATE/note")" kept
	mount /dev/vda /mnt
	is "what was synced is there after a power cut" "$(cat /mnt/synced)" durable
	not_ok "what was only cached is not" test -s /mnt/cached
	umount /mnt
	is "the disks have changed places" "$(vm dev nvme0) $(vm dev nvme1)" \
		"/dev/nvme1n1 /dev/nvme0n1"
	is "an identity goes with its disk" "$(sysfs nvme1n1/device/serial | tr -d ' ')" A1
	is "and so does its content" "$(sed -n s/PARTNAME=//p /sys/class/block/nvme1n1p1/uevent)" label
	is "the grown disk is larger" "$(sysfs nvme1n1/size)" 8388608
	isnt "the root is fresh" "$(</etc/hostname)" changed
	vm swap nvme0 nvme1
	dd if=/dev/urandom of=/tmp/data bs=1M count=1 status=none
	cp /tmp/data "$STATE/data"
	dd if=/tmp/data of=/dev/nvme2n1 bs=1M oflag=direct status=none
	vm reset
}

third_boot() {
	is "swapped back" "$(vm dev nvme0)" /dev/nvme0n1
	ok "what was written is there after a reset" cmp -n 1048576 "$STATE/data" /dev/nvme2n1
	vm power-cut 1
	sleep 30
	ok "never reached" false
}

case $BOOT in
1) first_boot ;;
2) second_boot ;;
3) third_boot ;;
4)
	ok "a power cut comes after its delay" test "$BOOT" -eq 4
	done_testing
	;;
esac
