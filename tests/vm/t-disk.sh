#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks that are never touched: in use, of a wrong kind, not blank, or not to be told apart. Every
# refusal says why and leaves the disk's bytes as they are.
#
# vm: --disk nvme,name=a,size=128M --disk scsi,name=b,size=128M --disk scsi,name=ro,size=128M,ro=on
# vm: --disk scsi,name=twin1,size=128M,wwn=0x5000c50000000777,serial=T --disk scsi,name=twin2,size=128M,wwn=0x5000c50000000777,serial=T
# vm: --disk virtio,name=nameless,size=128M,serial= --disk nvme,name=small,size=32M
# timeout: 600
. "$SRC/tests/vm/lib.sh"

PATH=$BUILD/tests/vm:$PATH
a=$(vm dev a)
b=$(vm dev b)
blank_a=$(vm crc a)
blank_b=$(vm crc b)
mkdir -p /mnt/a

# refused NAME REGEX DISK: not free, says why, and nothing is written.
refused() {
	local before text status
	before=$(vm crc "$3")
	text=$(volume-tool free "$(vm dev "$3")" 2>&1)
	status=$?
	is "$1: refused" "$status" 1
	like "$1: says why" "$text" "$2"
	is "$1: not a byte changed" "$(vm crc "$3")" "$before"
}

free_again() {
	ok "$1: free again" volume-tool free "$(vm dev "$2")"
}

# wipe DISK: as at the beginning.
wipe() {
	dd if=/dev/zero of="$(vm dev "$1")" bs=1M count=128 oflag=direct status=none
	blockdev --flushbufs "$(vm dev "$1")"
}

ok "a blank NVMe disk is free" volume-tool free "$a"
ok "a blank SCSI disk is free" volume-tool free "$b"
is "asking writes nothing" "$(vm crc a) $(vm crc b)" "$blank_a $blank_b"

# Kinds of disks
refused "a read-only disk" "^EPERM: sd[a-z] is read-only$" ro
refused "a disk without identity" "^EPERM: vda has no WWID or serial number" nameless
refused "one of two with one WWID" "^EPERM: sd[a-z] has the same WWID as another disk" twin1
refused "the other" "^EPERM: sd[a-z] has the same WWID as another disk" twin2
like "a repeated WWID resolves to none" "$(volume-tool resolve naa.5000c50000000777 2>&1)" "^ENOTUNIQ: "
refused "a small disk" "^EPERM: .*too small: 32 MiB, at least 64" small
is "a WWID resolves to its disk" "$(volume-tool resolve naa.5000c50000000102)" "${b#/dev/}"

# In use
mkfs.ext4 -q -L precious "$b"
refused "a filesystem" '^EEXIST: sd[a-z] is not blank: it holds an ext4 filesystem \(label "precious"\)' b
mount "$b" /mnt/a
refused "a mounted disk" "^EBUSY: sd[a-z] is mounted at /mnt/a$" b
umount /mnt/a
unshare -m sh -c "mount $b /mnt/a && echo ready >/run/ready && sleep 60" &
holder=$!
eventually 10 test -e /run/ready
not_ok "a mount in another namespace is not seen from here" grep -q " /mnt/a " /proc/self/mountinfo
refused "a disk mounted in another namespace" "^EBUSY: sd[a-z] is mounted at /mnt/a in the mount namespace of .*process [0-9]+" b
pkill -P $holder
kill $holder
wait $holder 2>/dev/null
eventually 5 volume-tool idle "$b"
wipe b
free_again "after the filesystem" b

mkswap -q "$b" 2>/dev/null || mkswap "$b" >/dev/null
refused "swap space" "^EEXIST: .*swap" b
ok "swap is on" swapon "$b"
refused "swap in use" "^EBUSY: sd[a-z] is swap in use" b
swapoff "$b"
wipe b

exec 7<>"$b"
refused "a disk that is open for writing" "^EBUSY: sd[a-z] is open for writing by bash \(process $$\)$" b
exec 7>&-
exec 7<"$b"
free_again "one that is open for reading is" b
exec 7<&-

dmsetup create held --table "0 2048 linear $b 0"
refused "a disk under device-mapper" "^EBUSY: sd[a-z] is used by the device-mapper device held \(dm-[0-9]+\)$" b
dmsetup remove held
head -c 32 /dev/zero | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file - "$b"
refused "an encrypted disk" "^EEXIST: .*crypto_LUKS encrypted volume" b
head -c 32 /dev/zero | cryptsetup open --key-file - "$b" inner
refused "an open encrypted disk" "^EBUSY: sd[a-z] is open as the encrypted device inner \(dm-" b
cryptsetup close inner
wipe b

ok "an array" mdadm --quiet --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.0 "$b" missing
refused "a member of an array" "^EBUSY: sd[a-z] is a member of the RAID array md" b
mdadm --quiet --stop /dev/md0
refused "a member of a stopped array" "^EBUSY: sd[a-z] is a member of an array or volume group \(linux_raid_member" b
wipe b
ok "a physical volume" lvm pvcreate -q "$b"
refused "a physical volume" "^EBUSY: sd[a-z] is a member of an array or volume group \(LVM2_member" b
wipe b

losetup -f --show "$b" >/run/loop
refused "a disk behind a loop device" "^EBUSY: sd[a-z] is what the loop device loop[0-9]+ lies on$" b
losetup -d "$(</run/loop)"
free_again "after all of it" b

# Not blank
printf '\1' | dd of="$a" bs=1 seek=700000 conv=notrunc,fsync status=none
refused "a byte in the first MiB" "^EEXIST: .*byte 700000 is not zero" a
wipe a
last=$((128 * 1048576 - 1))
printf '\1' | dd of="$a" bs=1 seek=$last conv=notrunc,fsync status=none
refused "the very last byte" "^EEXIST: .*byte $last is not zero" a
wipe a
echo 'label: gpt' | sfdisk -q "$a"
refused "an empty table" "^EEXIST: .*gpt partition table" a
dd if=/dev/zero of="$a" bs=512 count=1 oflag=direct status=none
refused "a GPT without its MBR" "^EEXIST: .*gpt partition table" a
wipe a
printf 'label: dos\n,,L\n' | sfdisk -q "$a"
refused "a partition" "^EEXIST: .*dos partition table" a
dd if=/dev/zero of="$a" bs=1M count=1 oflag=direct status=none
refused "a partition that only the kernel has" "^EEXIST: .*has partitions \(${a#/dev/}p1\)$" a
mkfs.ext4 -q "${a}p1"
mount "${a}p1" /mnt/a
refused "a mounted partition" "^EBUSY: ${a#/dev/}p1 is mounted at /mnt/a$" a
umount /mnt/a
partx -d "$a"
wipe a
free_again "wiped" a

# A file stands for a disk in demonstrations.
truncate -s 128M /run/image
loop=$(losetup -f --show -P /run/image)
ok "a blank loop device is free" volume-tool free "$loop"
id=$(cat /proc/sys/kernel/random/uuid)
like "a volume on it" "$(volume-tool create "$loop" "$id" 2>&1)" "^${loop#/dev/} ${loop}p1 .* $id preparing"
like "is found" "$(volume-tool find "$id" none 2>&1)" "^${loop#/dev/} ${loop}p1 "
ok "and given back" volume-tool remove "$loop"
losetup -d "$loop"

# Names
is "a path" "$(volume-tool resolve "$a")" "${a#/dev/}"
is "a kernel name" "$(volume-tool resolve "${a#/dev/}")" "${a#/dev/}"
ln -s "$a" /run/link
is "a link" "$(volume-tool resolve /run/link)" "${a#/dev/}"
like "no disk" "$(volume-tool resolve /dev/null 2>&1)" "^ENODEV: .*not a block device"
like "no path" "$(volume-tool resolve /dev/nothing 2>&1)" "^ENODEV: "
like "no name" "$(volume-tool resolve nothing 2>&1)" "^ENODEV: .*there is no disk nothing"

# A container that does not see the node's processes cannot tell.
text=$(unshare -pf --mount-proc volume-tool free "$a" 2>&1)
like "without the node's processes it cannot tell" "$text" "^EACCES: could not tell .*hostPID"
is "and changes nothing" "$(vm crc a)" "$blank_a"
done_testing
