#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A LUKS2 header that is damaged is repaired from its other copy, by the driver and by the tool, and only
# on a disk that is proven to be the volume's; saved and put back only by who says that he knows. And how a
# mapping is set up for its kind of disk.
# vm: --disk nvme,name=a,size=64M --disk scsi,name=b,size=64M,rotational=on --disk scsi,name=c,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

part=/dev/nvme0n1p1
COPY=16384 # bytes, each: a binary header of 4 KiB, and JSON

# damage zero|tear COPY-NUMBER: one copy of the header; torn: the binary header stands, the JSON does not.
damage() {
	case $1 in
	zero) dd if=/dev/zero of=$part bs=$COPY seek="$2" count=1 oflag=direct status=none ;;
	tear) dd if=/dev/urandom of=$part bs=512 seek=$(($2 * COPY / 512 + 8)) count=2 oflag=direct status=none ;;
	esac
}
copies() {
	dd if=$part bs=$((2 * COPY)) count=1 iflag=direct status=none | sha256sum
}
notices() {
	grep -c "LUKS2 header was damaged; it is repaired" /run/syslog
}
mount_and_back() {
	call mount "$target" "$one"
	[ "$result" = Success ] && cmp "$marker" "$target/marker" && call unmount "$target" &&
		[ "$result" = Success ]
}

install_driver false
for name in one two; do
	new_key $name >/tmp/keys
done
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
one=$(options "$id" pv encryption=luks2 key=file:one)
tenant nvme0n1 1 "$one"
target=$(pod 2)
sound=$(copies)
dd if=$part of=/tmp/header bs=1M count=16 status=none

# Repair
is "nothing to repair" "$(solodisk header repair nvme0n1)" \
	"nvme0n1: volume $id: both copies of its header are sound"
is "nothing was written" "$(copies)" "$sound"
n=0
for how in zero tear; do
	for copy in 0 1; do
		damage $how $copy
		isnt "$how copy $copy" "$(copies)" "$sound"
		ok "$how copy $copy: the driver mounts it" mount_and_back
		n=$((n + 1))
		is "$how copy $copy: the repair is logged" "$(notices)" $n
		ok "$how copy $copy: both are sound again" cryptsetup luksDump $part
		isnt "$how copy $copy: the copy is there" "$(dd if=$part bs=$COPY skip=$copy count=1 \
			iflag=direct status=none | tr -d '\0' | wc -c)" 0
		damage $how $((1 - copy))
		like "$how copy $((1 - copy)): the tool repairs it" "$(solodisk header repair --json nvme0n1)" \
			'"event":"done".*"action":"repair","changed":true'
		n=$((n + 1))
	done
done
is "after which there is nothing to repair" "$(solodisk header repair nvme0n1)" \
	"nvme0n1: volume $id: both copies of its header are sound"
for how in tear zero; do
	damage $how 0
	damage $how 1
	before=$(digests a)
	fails "$how both: not mounted" "cannot be used|holds nothing" mount "$target" "$one"
	is "$how both: no byte changed" "$(digests a)" "$before"
	refused "$how both: nor repaired" a "cannot be used|holds nothing" solodisk header repair nvme0n1
	refused "$how both: nor rotated" a "cannot be used|holds nothing" \
		solodisk rotate --key file:one --new-key file:two nvme0n1
	dd if=/tmp/header of=$part bs=1M oflag=direct conv=notrunc status=none
done
ok "as it was" mount_and_back

# Only where the disk is proven to be the volume's
damage zero 0
sfdisk -q --part-uuid /dev/nvme0n1 1 0a1b2c3d-1111-4222-8333-444444444444
sfdisk -q --part-label /dev/nvme0n1 1 solodisk-used-0a1b2c3d
refused "another volume's table over it: not repaired" a "has the UUID $id, but the volume is 0a1b2c3d" \
	solodisk header repair nvme0n1
before=$(digests a)
fails "nor by the driver" "over the LUKS header of another" mount "$target" \
	"$(options 0a1b2c3d-1111-4222-8333-444444444444 pv encryption=luks2 key=file:one)"
is "no byte changed" "$(digests a)" "$before"
sfdisk -q --part-uuid /dev/nvme0n1 1 "$id"
sfdisk -q --part-label /dev/nvme0n1 1 "solodisk-used-${id%%-*}"
ok "with its own table it is" mount_and_back

# Backups
saved=/root/saved
refused "no backup without a word that one knows" a "rotated away.*--allow-revoked-keys" \
	solodisk header backup nvme0n1 $saved
not_ok "no file" ls $saved
ok "backup" solodisk header backup --allow-revoked-keys nvme0n1 $saved
is "for root's eyes" "$(stat -c '%a %u %s' $saved)" "400 0 16777216"
like "the log warns" "$(cat /run/syslog)" "header of volume $id was saved to $saved: whoever has"
refused "never over a file" a "is there already" \
	solodisk header backup --allow-revoked-keys nvme0n1 $saved
ok "a rotation" solodisk rotate --key file:one --new-key file:two nvme0n1
two=$(options "$id" pv encryption=luks2 key=file:two)
succeeds "in use" mount "$target" "$two"
fsfreeze --freeze "$target" # else what the filesystem itself writes now and then would count
refused "restore needs --allow-revoked-keys" a "--allow-revoked-keys" \
	solodisk header restore --key file:one nvme0n1 $saved
exits "and a key" 2 solodisk header restore --allow-revoked-keys nvme0n1 $saved
refused "not while it is in use" a "in use, mounted" \
	solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
fsfreeze --unfreeze "$target"
succeeds "unmount" unmount "$target"
refused "a key that the backup does not know" a "no keyslot in $saved" \
	solodisk header restore --allow-revoked-keys --key file:two nvme0n1 $saved
chmod 0644 $saved
refused "a backup that others may read" a "others than root" \
	solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
chmod 0400 $saved
ok "restore" solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
ok "the revoked key is back, as was said" mount_and_back
fails "and the newer one gone" "wrong key" mount "$target" "$two"
damage zero 0
damage zero 1
ok "also where no header is left" solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
ok "then it mounts" mount_and_back
ok "the volume gets another volume key" solodisk reencrypt --key file:one nvme0n1
refused "then the backup is good for nothing, and would destroy it" a "re-encrypted after that backup" \
	solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
ok "which it is not" mount_and_back
head -c 1M /dev/urandom >/root/junk && chmod 0600 /root/junk
refused "what is no backup" a "not the backup of a LUKS2 header" \
	solodisk header restore --allow-revoked-keys --key file:one nvme0n1 /root/junk
sfdisk -q --part-label /dev/nvme0n1 1 "solodisk-erasing-${id%%-*}"
refused "never into one that is being erased" a "state erasing" \
	solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
ok "erase" solodisk erase --yes --filesystem ext4 --encrypt luks2 --key file:two nvme0n1
refused "nor into the next volume on that disk" a "header of volume $id, not of" \
	solodisk header restore --allow-revoked-keys --key file:one nvme0n1 $saved
no_leftovers

# The kind of disk, as the kernel tells it
for disk in sda sdb; do
	id=$(prepare /dev/$disk --filesystem ext4 --encrypt luks2 --key file:one)
	target=$(pod 3)
	succeeds "mount $disk" mount "$target" "$(options "$id" pv encryption=luks2 key=file:one)"
	table=$(dmsetup table "solodisk-${id//-/}")
	case $(cat "/sys/block/$disk/queue/rotational") in
	1) unlike "$disk rotates: queues, no discards" "$table" "workqueue|allow_discards" ;;
	0) like "$disk does not: no queues, discards" "$table" \
		"allow_discards no_read_workqueue no_write_workqueue" ;;
	esac
	succeeds "unmount $disk" unmount "$target"
done
is "one of each" "$(cat /sys/block/sda/queue/rotational /sys/block/sdb/queue/rotational | xargs)" "1 0"
done_testing
