#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "May I touch it?" for disks that are blank and yet not free, or cannot be read: mounts anywhere, raw
# writers, loop devices, write-protected, removable, zoned, read errors, no or a repeated WWID. By force
# neither.
#
# vm: --disk scsi,name=a,size=64M --disk nvme,name=b,size=64M --disk scsi,name=ro,size=64M,ro=on
# vm: --disk scsi,name=path1,size=64M,wwn=0x5000c50000000777,serial=T --disk scsi,name=path2,size=64M,wwn=0x5000c50000000777,serial=T
# vm: --disk virtio,name=nameless,size=64M,serial=
# timeout: 400
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/touch.sh"
a=$(vm dev a)
b=$(vm dev b)
mkdir -p /mnt/a
is_blank "at first it is blank" "$a"
is_blank "so is the other" "$b"

# Kinds of disks
never "a read-only disk" "^sd[a-z] is read-only$" ro
refused "one of two with one WWID" "^sd[a-z] has the same WWID as another disk of this node \(two paths" path1
never "the other of them" "^sd[a-z] has the same WWID as another disk" path2
modprobe -a dm-multipath dm-round-robin
dmsetup create paths --uuid mpath-35000c50000000777 --table "0 131072 multipath 0 0 1 1 \
	round-robin 0 2 1 $(vm dev path1) 1 $(vm dev path2) 1"
never "two paths under multipath" "^sd[a-z] has the same WWID as another disk" path1
dmsetup remove paths
refused "a disk without WWID and serial number" "^vda has no WWID or serial number" nameless

# simulated NAME REGEX PARAMETER...: a disk of the kernel's SCSI simulator is refused.
simulated() {
	local name=$1 regex=$2 node before wwid
	shift 2
	modprobe scsi_debug dev_size_mb=128 "$@"
	eventually 20 sh -c 'lsblk -dnro NAME,MODEL | grep -q scsi_debug'
	node=/dev/$(lsblk -dnro NAME,MODEL | sed -n 's/ scsi_debug.*//p')
	wwid=$(wwid_of "$node")
	before=$(sha256sum <"$node")
	exits "$name: refused" 3 solodisk prepare "$node" --filesystem ext4 --yes
	like "$name: says why" "$(<"$tests_output")" "$regex"
	exits "$name: by force, too" 3 solodisk prepare "$node" --filesystem ext4 --yes --force --wwid "$wwid"
	note_of "$node"
	like "$name: list says the same" "$state: $shown" "^foreign: .*$regex"
	is "$name: not a byte changed" "$(sha256sum <"$node")" "$before"
	ok "$name: it goes" eventually 20 modprobe -r scsi_debug
}
modprobe sd_mod
simulated "a removable disk" "is removable$" removable=1
simulated "a zoned disk" "is zoned: it cannot be overwritten in place$" zbc=managed zone_size_mb=4

# Read errors: what cannot be read is not blank.
vm errors a on read
never "a SCSI disk that cannot be read" "could not|cannot" a
vm errors a off
is_blank "when it can be read: blank" "$a"
vm errors b on read
never "an NVMe disk that cannot be read" "could not|cannot" b
vm errors b off
is_blank "when that can be read: blank" "$b"

# Open for writing
exec 7<>"$a"
never "open for writing" "^sda is open for writing by bash \(process $$\)$" a
exec 7>&-
is_blank "closed: blank" "$a"
exec 7>"$a"
refused "open for nothing but writing" "^sda is open for writing by bash" a
exec 7>&-

# A loop device
loop=$(losetup -f --show "$a")
never "a loop device over it" "^sda is what the loop device ${loop#/dev/} lies on$" a
losetup -d "$loop"
is_blank "without it: blank" "$a"
loop=$(losetup -f --show -r -o 1M "$a")
refused "a read-only loop device over a part of it" "^sda is what the loop device" a
losetup -d "$loop"

# Mounts
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$a"
mount -o ro "$a" /mnt/a
never "mounted" "^sda is mounted at /mnt/a$" a
umount /mnt/a
unshare -m sh -c "mount -o ro $a /mnt/a && echo >/run/ready && exec sleep 600" &
holder=$!
eventually 20 test -e /run/ready
not_ok "mounted elsewhere: not seen from here" grep -q " /mnt/a " /proc/self/mountinfo
never "mounted in the namespace of another process" \
	"^sda is mounted at /mnt/a in the mount namespace of .*process $holder" a
kill $holder
wait $holder 2>/dev/null
mkdir /run/kept
mount --bind /run/kept /run/kept
mount --make-private /run/kept
touch /run/kept/mounts
ok "a namespace without processes" unshare --mount=/run/kept/mounts mount -o ro "$a" /mnt/a
never "mounted in a namespace without processes" "^sda is in use by the kernel" a
umount /run/kept/mounts
ok "the namespace ends" eventually 10 blkdiscard -z "$a"
is_blank "not mounted anywhere, wiped: blank" "$a"

# Partitions
ok "a partition: made" sfdisk -q "$b" <<<$'label: gpt\n,40M,L\n'
eventually 10 test -b "${b}p1"
mkfs.vfat "${b}p1" >/dev/null
mount -o ro "${b}p1" /mnt/a
never "a partition is mounted" "^nvme0n1p1 is mounted at /mnt/a$" b
exits "the partition itself" 3 solodisk prepare "${b}p1" --filesystem xfs --yes
umount /mnt/a
exec 7<>"${b}p1"
never "a partition is open for writing" "^nvme0n1p1 is open for writing by bash" b
exec 7>&-
mkswap -q "${b}p1"
swapon "${b}p1"
never "a partition is swap in use" "^nvme0n1p1 is swap in use" b
swapoff "${b}p1"
blkdiscard -z "$b"
refused "the kernel has a partition that the disk has not" "^nvme0n1 is not blank: it has partitions \(nvme0n1p1\)$" b
blockdev --rereadpt "$b"
is_blank "without partitions: blank" "$b"
done_testing
