#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# LUKS2 mappings: what is opened, what is taken for open, what closes, without udev.
# vm: --disk nvme,size=64M --disk nvme,size=64M --disk scsi,size=64M,rotational=on --disk nvme,size=64M,lbs=4096
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/core.sh"

disk=/dev/nvme0n1
other=/dev/nvme1n1
key=/tmp/key
wrong=/tmp/wrong
new_key $key
new_key $wrong

# Format, and what is refused before anything is loaded.
refuses "a disk without a header is not opened" EINVAL "holds nothing" open $disk $ID $key ssd
does "format" "" format $disk $ID $key pbkdf2
is "the UUID is the volume ID" "$(blkid -p -s UUID -o value $disk)" $ID
is "the label" "$(blkid -p -s LABEL -o value $disk)" solodisk
before=$(vm crc nvme0)
refuses "another volume's ID" EINVAL "UUID $ID, but the volume is $OTHER_ID" open $disk $OTHER_ID $key ssd
refuses "a wrong key" EPERM "wrong key for $disk" open $disk $ID $wrong ssd
refuses "the same when it is only checked" EPERM "wrong key" checkkey $disk $ID $wrong
does "the right key" "" checkkey $disk $ID $key
is "no refusal wrote to the disk" "$(vm crc nvme0)" "$before"
does "nothing was opened" "not open" find $ID $disk

# Open: flags, memory, idempotence.
answer=$(PEAK=1 core-tool open $disk $ID $key ssd 2>&1)
like "open" "$answer" "^opened /dev/dm-[0-9]+"
node=$(sed -n 's/^opened //p' <<<"$answer")
peak=$(sed -n 's/^peak \(.*\) KiB/\1/p' <<<"$answer")
note "opening took $peak KiB"
ok "in less than 16 MiB of memory" test "${peak:-99999}" -lt 16384
table=$(dmsetup table $NAME)
like "an SSD has no queues, and discards pass" "$table" "allow_discards.*no_read_workqueue.*no_write_workqueue"
like "the data begins at 16 MiB" "$table" " 32768 "
like "AES-XTS" "$table" "aes-xts-plain64"
does "open again" "was open $node" open $disk $ID $key ssd
refuses "open again needs the right key too" EPERM "wrong key" open $disk $ID $wrong ssd
does "find" "$NAME $node $(number "$node")" find $ID $disk
refuses "it is not another disk's" EEXIST "nvme0n1.*nvme1n1" find $ID $other
refuses "and is not opened over another disk" EEXIST "nvme0n1.*nvme1n1" open $other $ID $key ssd

# Data survive closing.
echo precious | dd of="$node" bs=512 conv=fsync,sync status=none
exec 7<"$node"
refuses "in use, it is not closed" EBUSY "in use" close $ID
does "and is still open" "$NAME $node $(number "$node")" find $ID $disk
exec 7<&-
is "and works" "$(head -c 8 "$node")" precious
does "close" "" close $ID
does "close again" "" close $ID
does "it is not open" "not open" find $ID $disk
is "no node stays behind" "$(ls /dev/mapper)" control
is "the plain text is not on the disk" "$(grep -c precious $disk)" 0
core open $disk $ID $key ssd
is "the data is there after opening again" "$(head -c 8 "${answer#opened }")" precious
core close $ID

# A mapping of the right name that is the wrong one.
sectors=$(blockdev --getsz $other)
dmsetup create $NAME --uuid "CRYPT-LUKS2-${ID//-/}-$NAME" --table "0 $sectors linear $other 0"
refuses "a mapping over another disk" EEXIST "nvme1n1.*nvme0n1" open $disk $ID $key ssd
does "but by its name it is there" "$NAME /dev/dm-0 254:0" find $ID any
dmsetup remove $NAME
dmsetup create $NAME --uuid "CRYPT-PLAIN-$NAME" --table "0 $sectors linear $disk 0"
refuses "a mapping that is no LUKS2" EEXIST "CRYPT-PLAIN" open $disk $ID $key ssd
refuses "the same for find" EEXIST "CRYPT-PLAIN" find $ID $disk
dmsetup remove $NAME
dmsetup create foreign --table "0 $sectors linear $disk 0"
refuses "somebody else maps the disk" EBUSY "mapped over it" open $disk $ID $key ssd
refuses "then it is not erased" EBUSY "in use" erase $disk
refuses "nor formatted" EBUSY "mounted or held" format $disk $OTHER_ID $key pbkdf2
dmsetup remove foreign

# Sector sizes and rotating disks.
does "format a disk of 4096-byte sectors" "" format /dev/nvme2n1 $OTHER_ID $key pbkdf2
core open /dev/nvme2n1 $OTHER_ID $key ssd
is "open it" "$status" 0
is "its mapping has such sectors too" "$(blockdev --getss "${answer#opened }")" 4096
like "and so does the cipher" "$(dmsetup table $OTHER_NAME)" "sector_size:4096"
core close $OTHER_ID
does "format a rotating disk" "" format /dev/sda $OTHER_ID $key pbkdf2
core open /dev/sda $OTHER_ID $key hdd
unlike "a rotating disk keeps its queues" "$(dmsetup table $OTHER_NAME)" "workqueue|allow_discards"

# Growing.
sectors() {
	cat "/sys/block/$(basename "$(readlink -f "/dev/mapper/$OTHER_NAME")")/size" 2>/dev/null ||
		blockdev --getsz "/dev/mapper/$OTHER_NAME"
}
is "the mapping is 16 MiB smaller" "$(sectors)" $((48 * 2048))
does "nothing to grow: no key is asked for" "" cryptgrow /dev/sda $OTHER_ID none
vm grow scsi0 96M
ok "the disk grows" eventually 20 test "$(blockdev --getsz /dev/sda)" = $((96 * 2048))
refuses "without the key the mapping does not" ENOKEY "mounted next" cryptgrow /dev/sda $OTHER_ID none
refuses "nor with a wrong one" EPERM "wrong key" cryptgrow /dev/sda $OTHER_ID $wrong
is "it is as it was" "$(sectors)" $((48 * 2048))
does "with the key it does" "" cryptgrow /dev/sda $OTHER_ID $key
is "to all of the disk" "$(sectors)" $((80 * 2048))
does "growing again" "" cryptgrow /dev/sda $OTHER_ID $key
core close $OTHER_ID
refuses "what is not open does not grow" ENODEV "not open" cryptgrow /dev/sda $OTHER_ID $key

# Passphrases.
printf 'short' >/tmp/short
refuses "a short key" EINVAL "5 bytes.*argon2id" format /dev/nvme2n1 $OTHER_ID /tmp/short pbkdf2
does "is taken with Argon2id" "" format /dev/nvme2n1 $OTHER_ID /tmp/short argon2id
answer=$(PEAK=1 core-tool checkkey /dev/nvme2n1 $OTHER_ID /tmp/short 2>&1)
peak=$(sed -n 's/^peak \(.*\) KiB/\1/p' <<<"$answer")
note "Argon2id took $peak KiB"
ok "in less than 80 MiB" test "${peak:-999999}" -lt $((80 * 1024))

# Erasing.
core open $disk $ID $key ssd
refuses "an open volume is not erased" EBUSY "in use" erase $disk
core close $ID
head -c 16M $disk >/tmp/header
does "erase" 16777216 erase $disk
refuses "then no key opens it" EINVAL "not encrypted" checkkey $disk $ID $key
not_ok "nor does cryptsetup, which knows of the second header" cryptsetup open --batch-mode \
	--key-file $key $disk x
not_ok "nor after a repair" cryptsetup repair --batch-mode $disk
equal_blocks() {
	python3 -c 'import sys
old, new = (open(name, "rb").read(16 << 20) for name in sys.argv[1:])
print(sum(old[i:i + 4096] == new[i:i + 4096] for i in range(0, 16 << 20, 4096)))' "$@"
}
is "not one of its blocks of 4 KiB is left" "$(equal_blocks /tmp/header $disk)" 0

# The disk is pulled while it is open and mounted.
does "format again" "" format $disk $ID $key pbkdf2
core open $disk $ID $key ssd
node=${answer#opened }
devno=$(number "$node")
does "its device is there" "there" gone "$devno"
does "it gets a filesystem" "" mkfs "$node" ext4 $ID
stage=/mnt/stages/$ID
does "which is staged" staged stage "$node" ext4 "" $stage yes
dd if=/dev/zero of=$stage/data/big bs=1M count=5 status=none
vm unplug --surprise nvme0
does "it is gone under an open mapping" "gone" gone "$devno"
does "which by its name is still there" "$NAME $node $devno" find $ID any
vm plug nvme0
disk=$(vm dev nvme0)
note "the disk came back as $disk, $(number "$disk")"
refuses "the mapping is not the new one's" EEXIST "gone" open "$disk" $ID $key ssd
refuses "nor found so" EEXIST "gone" find $ID "$disk"
refuses "it does not close while it is mounted" EBUSY "in use" close $ID
does "cut off" "" shutdown $stage ext4
ok "it unmounts within seconds" timeout 30 core-tool unmount $stage
does "then it closes" "" close $ID
core open "$disk" $ID $key ssd
like "then the disk opens" "$answer" "^opened"
does "and closes" "" close $ID
is "nothing is left" "$(ls /dev/mapper)" control
done_testing
