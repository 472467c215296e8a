#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "May I touch it?" for disks that are a part of something: volume groups, arrays, pools, caches,
# encrypted volumes, device-mapper. Neither at rest nor in use, nor by force.
#
# vm: --disk scsi,name=a,size=330M --disk nvme,name=b,size=64M
# timeout: 500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/touch.sh"
a=$(vm dev a)
b=$(vm dev b)
end=$((64 << 20))
member="is a member of an array or volume group"
is_blank "at first it is blank" "$a"
is_blank "so is the other" "$b"

# LVM
ok "LVM: a physical volume" lvm pvcreate -q "$b"
never "a physical volume of no group" "^nvme0n1 $member \(LVM2_member\); take it out there first$" b
ok "LVM: in a group" lvm vgcreate -q group "$b"
refused "one of a group at rest" "^nvme0n1 $member \(LVM2_member\)" b
ok "LVM: a logical volume" lvm lvcreate -q -Wn -Zn -l 4 -n data group
never "one of a group in use" "^nvme0n1 is part of the LVM volume group-data \(dm-[0-9]+\)$" b
dd if=/dev/zero of="$b" bs=1M count=1 oflag=direct status=none
never "one of a group in use, its label overwritten" "^nvme0n1 is part of the LVM volume" b
ok "LVM: given back" dmsetup remove group-data
wipe "LVM" "$b"

# md
# array VERSION: made, running, stopped.
array() {
	ok "md $1: made" mdadm --quiet --create /dev/md0 --run --level=1 --raid-devices=2 \
		--metadata="$1" "$b" missing
	ok "md $1: quiet" mdadm --quiet --readonly /dev/md0
	refused "md $1, running" "^nvme0n1 is a member of the RAID array md0$" b
	ok "md $1: stopped" mdadm --quiet --stop /dev/md0
	never "md $1, stopped" "^nvme0n1 $member \(linux_raid_member.*\); take it out there first$" b
}
array 0.90
ok "the metadata of 0.90 is at the end: the first MiB is zero" cmp -n 1048576 "$b" /dev/zero
wipe "md 0.90" "$b"
array 1.0
ok "the metadata of 1.0 is at the end: the first MiB is zero" cmp -n 1048576 "$b" /dev/zero
wipe "md 1.0" "$b"
array 1.2
ok "md 1.2: assembled" mdadm --quiet --assemble --run /dev/md0 "$b"
mdadm --quiet --readonly /dev/md0
never "md 1.2, assembled" "^nvme0n1 is a member of the RAID array md0$" b
mdadm --quiet --stop /dev/md0
wipe "md 1.2" "$b"

# bcache
modprobe bcache
ok "bcache: a backing device" make-bcache -B "$b"
never "a backing device of bcache" "^nvme0n1 $member \(bcache\)" b
echo "$b" >/sys/fs/bcache/register
ok "bcache: in use" eventually 10 test -e /sys/block/bcache0
never "a backing device of bcache in use" "^nvme0n1 is held by bcache0$" b
echo 1 >"/sys/block/${b#/dev/}/bcache/stop"
ok "bcache: stopped" eventually 10 test ! -e "/sys/block/${b#/dev/}/bcache"
wipe "the backing device" "$b"
ok "bcache: a cache" make-bcache -C -b 64k "$b"
refused "a cache of bcache" "^nvme0n1 $member \(bcache\)" b
echo "$b" >/sys/fs/bcache/register
ok "bcache: the cache is in use" eventually 10 test -e "/sys/block/${b#/dev/}/bcache"
never "a cache of bcache in use" "^nvme0n1 is (held by|in use by the kernel)" b
echo 1 | tee /sys/fs/bcache/*-*/stop >/dev/null
ok "bcache: the cache is stopped" eventually 10 test ! -e "/sys/block/${b#/dev/}/bcache"
wipe "the cache" "$b"

# ZFS: no kernel module in Debian's main archive, so the label is made here. A label is 256 KiB; two
# are at the start and two at the end. It has 16 KiB for booting, a list of names and values (XDR)
# that says which pool, and from 128 KiB on a ring of uberblocks, 1 KiB each.
python3 - /tmp/zfs-label <<'PYTHON'
import struct, sys

def text(value):
    data = value.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)

def pair(name, kind, value):
    body = text(name) + struct.pack(">II", kind, 1) + value
    return struct.pack(">II", 8 + len(body), 8 + len(body)) + body

label = bytearray(256 << 10)
config = bytes([1, 1, 0, 0]) + struct.pack(">II", 0, 1)
config += pair("version", 8, struct.pack(">Q", 5000)) + pair("name", 9, text("tank"))
config += pair("pool_guid", 8, struct.pack(">Q", 0x1122334455667788)) + bytes(8)
label[16 << 10:(16 << 10) + len(config)] = config
for i in range(128):
    at = (128 + i) << 10
    label[at:at + 40] = struct.pack("<5Q", 0x00bab10c, 5000, 100 + i, 0x99aabbccddeeff00, 1700000000 + i)
open(sys.argv[1], "wb").write(label)
PYTHON
for at in $((end - (512 << 10))) $((end - (256 << 10))); do
	dd if=/tmp/zfs-label of="$b" bs=256K seek=$at oflag=seek_bytes conv=fsync status=none
done
never "a member of a ZFS pool, only the labels at the end" "^nvme0n1 $member \(zfs_member \"tank\"\)" b
for at in 0 $((256 << 10)); do
	dd if=/tmp/zfs-label of="$b" bs=256K seek=$at oflag=seek_bytes conv=fsync,notrunc status=none
done
never "a member of a ZFS pool" "^nvme0n1 $member \(zfs_member \"tank\"\)" b
wipe "ZFS" "$b"
mkfs.ext4 -q "$b"
for at in $((end - (512 << 10))) $((end - (256 << 10))); do
	dd if=/tmp/zfs-label of="$b" bs=256K seek=$at oflag=seek_bytes conv=fsync status=none
done
never "a member of a ZFS pool, the start an old ext4" "^nvme0n1 $member \(zfs_member \"tank\"\)" b
wipe "ZFS and ext4" "$b"

# Ceph and Oracle keep a label at the start of a disk of theirs: its magic is all that libblkid asks for.
put "$b" 0 'bluestore block device\n5f1b9d8e-7c2a-4c62-9f4d-0c3b9a1d2e3f\n'
never "an OSD of Ceph" "^nvme0n1 $member \(ceph_bluestore\)" b
wipe "Ceph" "$b"
put "$b" 32 'ORCLDISK'
never "a disk of Oracle ASM" "^nvme0n1 $member \(oracleasm\)" b
wipe "Oracle ASM" "$b"

# LUKS
head -c 64 /dev/urandom >/tmp/key
# luks TYPE: closed, open, open but without its header.
luks() {
	ok "$1: made" cryptsetup luksFormat -q --type "$1" --pbkdf pbkdf2 \
		--pbkdf-force-iterations 1000 --key-file /tmp/key "$a"
	refused "$1, closed" "^sda is not blank: it holds a crypto_LUKS encrypted volume$" a
	ok "$1: opened" cryptsetup open --key-file /tmp/key "$a" inner
	never "$1, open" "^sda is open as the encrypted device inner \(dm-[0-9]+\)$" a
}
luks luks1
cryptsetup close inner
wipe "LUKS1" "$a"
luks luks2
dd if=/dev/zero of="$a" bs=1M count=16 oflag=direct status=none
never "LUKS2, open, its header overwritten" "^sda is open as the encrypted device inner" a
cryptsetup close inner
wipe "LUKS2" "$a"

# Swap in use
mkswap -q "$a"
ok "swap is on" swapon "$a"
never "swap in use" '^sda is swap in use \("swapoff /dev/sda" ends that\)$' a
swapoff "$a"
refused "swap no longer in use" "^sda is not blank: it holds a swap" a
wipe "swap" "$a"

# Device-mapper over a disk that is blank
dmsetup create over --table "0 2048 linear $a 4096"
never "a device-mapper device over it" "^sda is used by the device-mapper device over \(dm-[0-9]+\)$" a
dmsetup remove over
is_blank "without it: blank" "$a"
modprobe -a dm-multipath dm-round-robin
dmsetup create paths --uuid mpath-35000c50000000101 \
	--table "0 $(blockdev --getsz "$a") multipath 0 0 1 1 round-robin 0 1 1 $a 1"
never "a path of a multipath device" "^sda is one path of the multipath device paths \(dm-[0-9]+\)$" a
dmsetup remove paths
is_blank "without that: blank" "$a"
done_testing
