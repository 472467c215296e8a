#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mark on real disks: made, found, changed, damaged and mended, duplicated, grown, taken off; NVMe,
# SCSI and virtio, sectors of 512 and 4096 bytes.
#
# vm: --disk nvme,name=n512,size=256M --disk nvme,name=n4096,size=256M,lbs=4096
# vm: --disk scsi,name=s512,size=256M --disk scsi,name=s4096,size=256M,lbs=4096
# vm: --disk virtio,name=v512,size=256M,serial=V512 --disk nvme,name=other,size=256M
# timeout: 600
. "$SRC/tests/vm/lib.sh"

PATH=$BUILD/tests/vm:$PATH
new_id() {
	cat /proc/sys/kernel/random/uuid
}

tool() {
	volume-tool "$@"
}

# says NAME REGEX COMMAND...: fails, and its error text matches.
says() {
	local name=$1 regex=$2 text
	shift 2
	text=$("$@" 2>&1 >/dev/null)
	if [ $? -eq 1 ] && [[ $text =~ $regex ]]; then
		report ok "$name"
	else
		report "not ok" "$name"
		note "says: $text" "must match: $regex"
	fi
}

# unchanged NAME REGEX DISK COMMAND...: the same, and the disk's bytes are the same after it.
unchanged() {
	local name=$1 regex=$2 disk=$3 before
	shift 3
	before=$(vm crc "$disk")
	says "$name" "$regex" "$@"
	is "$name: not a byte changed" "$(vm crc "$disk")" "$before"
}

wwid_of() {
	tool list | awk -v d="${1#/dev/}" '$1 == d { print $5 }'
}

sectors_of() {
	echo $(($(blockdev --getsize64 "$1") / $(blockdev --getss "$1")))
}

# spoil DISK SECTOR COUNT [SOURCE]: overwrites sectors past the cache.
spoil() {
	local size
	size=$(blockdev --getss "$1")
	dd if="${4:-/dev/zero}" of="$1" bs="$size" seek="$2" count="$3" oflag=direct conv=notrunc status=none
	blockdev --flushbufs "$1"
}

table_is_sound() {
	sfdisk --verify "$1" 2>&1 | grep -q "No errors detected" && sgdisk -v "$1" 2>&1 | grep -q "No problems found"
}

# entry_of PARTITION: type, name and GUID as other programs read them.
entry_of() {
	blkid -po export "$1" | sed -n 's/^PART_ENTRY_\(TYPE\|NAME\|UUID\)=//p' | sort -r | xargs
}

make_and_find() {
	local name=$1 disk=$2 id=$3 wwid part line
	wwid=$(wwid_of "$disk")
	isnt "$name: has an identity" "$wwid" -
	ok "$name: a blank disk is free" tool free "$disk"
	line=$(tool create "$disk" "$id")
	like "$name: create" "$line" "^${disk#/dev/} /dev/[a-z0-9]+ [0-9]+:[0-9]+ exclusive $id preparing 1 1048576 266338304$"
	part=$(cut -d' ' -f2 <<<"$line")
	ok "$name: the partition's node is there" test -b "$part"
	is "$name: and of the size that was said" "$(blockdev --getsize64 "$part")" 266338304
	is "$name: an administrator sees the state" "$(entry_of "$part")" \
		"$(printf '%s\n' c2b0e314-76ad-4578-a8b0-a0c361a991d7 "solodisk-preparing-${id:0:8}" "$id" | sort -r | xargs)"
	ok "$name: other programs find the table sound" table_is_sound "$disk"
	says "$name: it is not free any more" "^EEXIST: .*not blank" tool free "$disk"
	ok "$name: but idle" tool idle "$disk"
	like "$name: found by its WWID" "$(tool find "$id" "$wwid" 2>&1)" "^${disk#/dev/} $part .* shared $id preparing"
	like "$name: found without" "$(tool find "$id" none 2>&1)" "^${disk#/dev/} $part "
	says "$name: another ID is not there" "^ENODEV: .*on no disk" tool find "$(new_id)" none
	unchanged "$name: nor on that disk" "^ESTALE: .*carries volume $id" "$name" tool find "$(new_id)" "$wwid"
	says "$name: no such WWID" "^ENODEV: .*no disk with the WWID" tool find "$id" "$wwid.2"
	ok "$name: the kernel forgets the partition" partx -d "$disk"
	not_ok "$name: it is gone" test -e "/sys/class/block/${part#/dev/}"
	like "$name: and is shown again" "$(tool find "$id" "$wwid" 2>&1)" "^${disk#/dev/} $part "
	partx -d "$disk"
	ok "$name: one that the kernel has smaller" addpart "$disk" 1 2048 4096
	like "$name: is enlarged" "$(tool find "$id" "$wwid" 2>&1)" "^${disk#/dev/} $part "
	is "$name: to what the table says" "$(blockdev --getsize64 "$part")" 266338304
	partx -d "$disk"
	ok "$name: another's idea of the partition" addpart "$disk" 1 4096 4096
	says "$name: is refused" "^EUCLEAN: .*partx -u" tool find "$id" "$wwid"
	partx -d "$disk"
}

change_states() {
	local name=$1 disk=$2 id=$3 part next
	unchanged "$name: preparing cannot become used" "^EINVAL: " "$name" tool state "$disk" used
	ok "$name: ready" tool state "$disk" ready
	part=$(tool find "$id" none | cut -d' ' -f2)
	ok "$name: a filesystem" mkfs.ext4 -q "$part"
	mkdir -p /mnt/volume
	ok "$name: mounted" mount "$part" /mnt/volume
	echo tenant >/mnt/volume/file
	ok "$name: used, while mounted" tool state "$disk" used
	says "$name: a mounted disk is not idle" "^EBUSY: ${part#/dev/} is mounted at /mnt/volume$" tool idle "$disk"
	ok "$name: unmounted" umount /mnt/volume
	ok "$name: idle" tool idle "$disk"
	ok "$name: the filesystem is whole" e2fsck -fn "$part"
	next=$(new_id)
	unchanged "$name: used gets no new ID" "^EINVAL: " "$name" tool renew "$disk" "$next"
	unchanged "$name: used is not given back" "^EINVAL: .*erase it before" "$name" tool remove "$disk"
	ok "$name: erasing" tool state "$disk" erasing
	ok "$name: renewed" tool renew "$disk" "$next"
	like "$name: under the new ID" "$(tool mark "$disk")" "^$next preparing 1 "
	says "$name: the old ID is gone" "^ENODEV: " tool find "$id" none
	ok "$name: back to the test's ID" tool renew "$disk" "$id"
	ok "$name: ready" tool state "$disk" ready
}

# damaged NAME DISK ID WHAT: reading tells and does not write, opening mends.
damaged() {
	local name=$1 disk=$2 id=$3 before
	before=$(vm crc "$name")
	like "$name: $4: seen" "$(tool mark "$disk" 2>&1)" "^$id ready 1 .* damaged$"
	is "$name: $4: reading does not write" "$(vm crc "$name")" "$before"
	like "$name: $4: found and mended" "$(tool find "$id" none 2>&1)" "^${disk#/dev/} .* exclusive $id ready 1 [0-9]+ [0-9]+$"
	is "$name: $4: every byte is as before" "$(vm crc "$name")" "$whole"
}

damage_and_mend() {
	local name=$1 disk=$2 id=$3 last entries size
	size=$(blockdev --getss "$disk")
	last=$(($(sectors_of "$disk") - 1))
	entries=$((16384 / size))
	whole=$(vm crc "$name")
	like "$name: sound before" "$(tool mark "$disk")" "^$id ready 1 [0-9]+ [0-9]+$"
	spoil "$disk" 0 1
	damaged "$name" "$disk" "$id" "protective MBR gone"
	spoil "$disk" 1 1
	damaged "$name" "$disk" "$id" "primary header gone"
	spoil "$disk" 2 "$entries"
	damaged "$name" "$disk" "$id" "primary entries gone"
	spoil "$disk" 0 $((entries + 2))
	damaged "$name" "$disk" "$id" "all of the start gone"
	spoil "$disk" "$last" 1
	damaged "$name" "$disk" "$id" "backup header gone"
	spoil "$disk" $((last - entries)) "$entries"
	damaged "$name" "$disk" "$id" "backup entries gone"
	ok "$name: other programs find the table sound" table_is_sound "$disk"
	dd if="$disk" of=/run/start bs="$size" count=$((entries + 2)) iflag=direct status=none
	spoil "$disk" 0 1 /dev/urandom
	unchanged "$name: a first sector of others is left alone" "^EUCLEAN: .*first sector" "$name" tool find "$id" "$(wwid_of "$disk")"
	spoil "$disk" 0 $((entries + 2)) /run/start
	is "$name: restored" "$(vm crc "$name")" "$whole"
}

grow_disk() {
	local name=$1 disk=$2 id=$3 part
	ok "$name: the disk grows" vm grow "$name" 300M
	[[ $disk != /dev/sd* ]] || echo 1 >"/sys/block/${disk#/dev/}/device/rescan"
	ok "$name: the kernel sees it" eventually 10 test "$(blockdev --getsize64 "$disk")" -eq $((300 << 20))
	like "$name: so does the mark" "$(tool mark "$disk")" "^$id ready 1 1048576 266338304 grew$"
	part=$(tool find "$id" none | cut -d' ' -f2)
	mount "$part" /mnt/volume
	like "$name: grown while mounted" "$(tool grow "$disk" 2>&1)" " $id ready 1 1048576 312475648$"
	is "$name: the kernel's partition too" "$(blockdev --getsize64 "$part")" 312475648
	umount /mnt/volume
	ok "$name: other programs find the table sound" table_is_sound "$disk"
}

give_back() {
	local name=$1 disk=$2 id=$3
	exec 8<"$disk"
	flock -s 8
	says "$name: another reader keeps the lock from becoming exclusive" "^ETIMEDOUT: " tool upgrade "$disk"
	exec 8<&-
	like "$name: then it does" "$(tool upgrade "$disk" 2>&1)" " exclusive $id ready"
	ok "$name: given back" tool remove "$disk"
	is "$name: the kernel shows no partition" "$(lsblk -nro NAME "$disk" | wc -l)" 1
	says "$name: nothing of ours is there" "^ENOENT: " tool mark "$disk"
	says "$name: nor found" "^ENODEV: " tool find "$id" none
	ok "$name: it is free" tool free "$disk"
}

# What differs between the kinds of disks, for those that do not go through everything.
short_life() {
	local name=$1 disk=$2 id=$3
	ok "$name: a blank disk is free" tool free "$disk"
	like "$name: create" "$(tool create "$disk" "$id")" "^${disk#/dev/} /dev/[a-z0-9]+ [0-9]+:[0-9]+ exclusive $id preparing 1 1048576 266338304$"
	like "$name: found by its WWID" "$(tool find "$id" "$(wwid_of "$disk")" 2>&1)" "^${disk#/dev/} .* shared $id preparing"
	ok "$name: ready" tool state "$disk" ready
	whole=$(vm crc "$name")
	spoil "$disk" 0 3
	damaged "$name" "$disk" "$id" "the start gone"
	ok "$name: other programs find the table sound" table_is_sound "$disk"
}

for name in n512 s4096; do
	disk=$(vm dev "$name")
	id=$(new_id)
	make_and_find "$name" "$disk" "$id"
	change_states "$name" "$disk" "$id"
	damage_and_mend "$name" "$disk" "$id"
	[[ $name == n* ]] || grow_disk "$name" "$disk" "$id"
	give_back "$name" "$disk" "$id"
done
for name in n4096 s512 v512; do
	disk=$(vm dev "$name")
	id=$(new_id)
	short_life "$name" "$disk" "$id"
	give_back "$name" "$disk" "$id"
done

# Two disks with one volume, as after a dd of one over the other.
disk=$(vm dev n512)
other=$(vm dev other)
id=$(new_id)
tool create "$disk" "$id" >/dev/null
dd if="$disk" of="$other" bs=1M oflag=direct status=none
blockdev --flushbufs "$other"
unchanged "two disks with one volume are refused" "^ENOTUNIQ: nvme[0-9]n1 and nvme[0-9]n1 both carry volume $id" n512 tool find "$id" none
like "but a WWID tells them apart" "$(tool find "$id" "$(wwid_of "$disk")" 2>&1)" "^${disk#/dev/} "

# A name of the table that does not fit the ID, a second partition, a smaller disk's copy.
ok "another name" sfdisk -q --no-reread --no-tell-kernel --part-label "$other" 1 solodisk-used-00000000
unchanged "is no state" "^EUCLEAN: .*no state of volume" other tool mark "$other"
ok "another ID" sfdisk -q --no-reread --no-tell-kernel --part-uuid "$other" 1 "$(new_id)"
unchanged "does not fit the name" "^EUCLEAN: .*no state of volume" other tool mark "$other"

# What a forced preparation does to a disk with partitions: the kernel forgets them too.
printf 'label: dos\n,100M,L\n,,L\n' | sfdisk -q --wipe always "$other"
id=$(new_id)
mkfs.ext4 -q "${other}p2"
mkdir -p /mnt/volume
mount "${other}p2" /mnt/volume
unchanged "a disk with a mounted partition" "^EBUSY: .*does not let go of partition" other tool create "$other" "$id"
umount /mnt/volume
like "partitions of others go" "$(tool create "$other" "$id" 2>&1)" "^${other#/dev/} ${other}p1 .* $id preparing 1 1048576 266338304$"
is "and only ours is there" "$(lsblk -nro NAME "$other" | xargs)" "${other#/dev/} ${other#/dev/}p1"
ok "in a sound table" table_is_sound "$other"
done_testing
