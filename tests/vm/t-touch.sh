#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "May I touch it?" for what lies on a disk: filesystems, tables, images, unknown bytes. Each is made
# by the tool that really makes it; prepare refuses, list says why, no byte changes.
#
# vm: --disk scsi,name=a,size=330M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/touch.sh"
a=$(vm dev a)
end=$((330 << 20))
is_blank "at first it is blank" "$a"

# filesystem TYPE LABEL-OPTION MKFS...: with a label, so that the owner recognizes it. The boot sector of
# an exFAT filesystem looks like an MBR, too.
filesystem() {
	local type=$1 label=$2
	shift 2
	ok "$type: made" "$@" "$label" PRECIOUS "$a"
	refused "$type" "^sda is not blank: it holds an? $type filesystem \(label \"PRECIOUS\"\)(, and also dos)?$" a
	wipe "$type" "$a"
}

filesystem ext2 -L mkfs.ext2 -q
filesystem ext3 -L mkfs.ext3 -q
filesystem ext4 -L mkfs.ext4 -q
filesystem xfs -L mkfs.xfs -q
filesystem btrfs -L mkfs.btrfs -q
filesystem f2fs -l mkfs.f2fs -q
filesystem vfat -n mkfs.vfat -I
filesystem ntfs -L mkfs.ntfs -q -F -Q
filesystem exfat -L mkfs.exfat

mkdir -p /tmp/tree
echo precious >/tmp/tree/file
genisoimage -quiet -V PRECIOUS -o /tmp/image /tmp/tree
ok "ISO 9660: written" dd if=/tmp/image of="$a" bs=64K conv=fsync status=none
refused "ISO 9660" '^sda is not blank: it holds an iso9660 filesystem \(label "PRECIOUS"\)$' a
wipe "ISO 9660" "$a"

ok "swap space: made" mkswap -q -L PRECIOUS "$a"
refused "swap space that is not in use" '^sda is not blank: it holds a swap .*\(label "PRECIOUS"\)$' a
wipe "swap space" "$a"

ok "MBR: made" sfdisk -q "$a" <<<$'label: dos\n,100M,L\n'
refused "an MBR" "^sda is not blank: it holds a dos partition table$" a
wipe "the MBR" "$a"

ok "GPT: made" sfdisk -q "$a" <<<$'label: gpt\n,100M,L\n'
refused "a GPT" "^sda is not blank: it holds a gpt partition table$" a
dd if=/dev/zero of="$a" bs=1M count=1 oflag=direct status=none
blockdev --rereadpt "$a"
is "the kernel no longer sees the partition" "$(lsblk -nro NAME "$a" | xargs)" sda
refused "a GPT of which the backup alone is left" "^sda is not blank: it holds a gpt partition table$" a
wipe "the backup" "$a"

put "$a" 0 'S'
refused "the first byte" "^sda is not blank: byte 0 is not zero" a
wipe "the first byte" "$a"
put "$a" $(((1 << 20) - 1)) '\001'
refused "the last byte of the first MiB" "^sda is not blank: byte 1048575 is not zero" a
wipe "the last byte of the first MiB" "$a"
put "$a" $((end - (1 << 20))) '\200'
refused "the first byte of the last MiB" "^sda is not blank: byte $((end - (1 << 20))) is not zero" a
wipe "the first byte of the last MiB" "$a"
put "$a" $((end - 1)) '\377'
refused "the last byte" "^sda is not blank: byte $((end - 1)) is not zero" a

# "Not blank" is what --force overrides: for this one disk, called by its WWID.
wwid=$(wwid_of "$a")
refused "by force, but another disk is meant" '^its WWID is "naa[.][0-9a-f]+", not "naa[.]5000c50000000999"$' \
	a --force --wwid naa.5000c50000000999
refused "its WWID alone is not force" "^sda is not blank: byte" a --wwid "$wwid"
ok "by force, this disk is meant" \
	solodisk prepare "$a" --filesystem ext4 --yes --force --wwid "$wwid"
note_of "$a"
is "then it is a volume" "$state" ready
done_testing
