#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Filesystems on real block devices: made, grown while mounted, failing fast, cut off.
# vm: --disk scsi,size=512M --disk scsi,size=512M --disk nvme,size=512M,lbs=4096 --disk nvme,size=299M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/core.sh"

blocks() {
	stat -f -c %b "$1"
}

# Made: on a disk that held something, on one with large sectors, and not on one that is in use.
mkswap -q /dev/sda
n=0
for type in xfs ext4; do
	for disk in /dev/sda /dev/nvme0n1; do
		does "$type on $disk" "" mkfs $disk $type $ID
		does "it is the volume's" $type fscheck $disk $ID $type
		refuses "it is not another volume's" ESTALE "$ID.*$OTHER_ID" fscheck $disk $OTHER_ID ""
		mkdir -p "/mnt/$((++n))"
		ok "it mounts" mount $disk "/mnt/$n"
		is "data/ is there, and nobody else may look into the root" \
			"$(stat -c '%F %a %u:%g' "/mnt/$n/data")" "directory 755 0:0"
		refuses "mounted, it is not made again" EBUSY "mounted or held" mkfs $disk $type $OTHER_ID
		ok "unmount" umount "/mnt/$n"
		does "and is unharmed" $type fscheck $disk $ID ""
	done
done
before=$(vm crc nvme1)
refuses "XFS is refused on a small disk" ENOSPC "300 MiB" mkfs /dev/nvme1n1 xfs $ID
is "which is not touched" "$(vm crc nvme1)" "$before"
does "ext4 is not" "" mkfs /dev/nvme1n1 ext4 $ID

# Grown while in use.
does "xfs on sda" "" mkfs /dev/sda xfs $ID
does "ext4 on sdb" "" mkfs /dev/sdb ext4 $ID
mkdir -p /mnt/x /mnt/e
mount /dev/sda /mnt/x
mount /dev/sdb /mnt/e
for pair in x:xfs:/dev/sda:scsi0 e:ext4:/dev/sdb:scsi1; do
	IFS=: read -r dir type disk name <<<"$pair"
	old=$(blocks "/mnt/$dir")
	echo kept >"/mnt/$dir/data/file"
	does "$type has nothing to grow" "" grow "/mnt/$dir" "$type" "$disk"
	is "and did not" "$(blocks "/mnt/$dir")" "$old"
	refuses "another disk's size is not taken" ESTALE "not mounted at" grow "/mnt/$dir" "$type" /dev/nvme0n1
	# 777 MiB and one block: no multiple of anything.
	vm grow "$name" $((777 * 1024 + 4))K
	ok "the disk grows" eventually 20 test "$(blockdev --getsize64 "$disk")" = $(((777 * 1024 + 4) * 1024))
	does "$type grows" "" grow "/mnt/$dir" "$type" "$disk"
	note "$old blocks became $(blocks "/mnt/$dir")"
	ok "by half" test "$(blocks "/mnt/$dir")" -gt $((old + old / 3))
	grown=$(blocks "/mnt/$dir")
	does "growing again" "" grow "/mnt/$dir" "$type" "$disk"
	is "changes nothing" "$(blocks "/mnt/$dir")" "$grown"
	is "the data is there" "$(cat "/mnt/$dir/data/file")" kept
done
umount /mnt/x /mnt/e
ok "xfs_repair finds no fault" xfs_repair -n /dev/sda
ok "nor does e2fsck" e2fsck -fn /dev/sdb
refuses "an unmounted stage does not grow the node's own filesystem" ESTALE "not mounted at" \
	grow /mnt/x xfs /dev/sda

# Failing fast.
mount /dev/sda /mnt/x
does "fail fast" "" failfast xfs /dev/sda
for kind in EIO ENODEV default; do
	is "no retries after $kind" "$(cat /sys/fs/xfs/sda/error/metadata/$kind/max_retries)" 0
done
is "nor while unmounting" "$(cat /sys/fs/xfs/sda/error/fail_at_unmount)" 1
refuses "not for what is no mounted xfs" ENOENT "nvme0n1" failfast xfs /dev/nvme0n1
does "ext4 has its mount option" "" failfast ext4 /dev/sdb

# Cut off from a disk that was pulled, with writes under way.
refuses "a directory that is no mount point is not shut down" ENOTCONN "no mount point" shutdown /mnt/e ext4
refuses "nor a filesystem of another type" EMEDIUMTYPE "is not ext4" shutdown /mnt/x ext4
ok "it still works" touch /mnt/x/data/after
mount /dev/sdb /mnt/e
for pair in x:xfs:scsi0 e:ext4:scsi1; do
	IFS=: read -r dir type name <<<"$pair"
	dd if=/dev/zero of="/mnt/$dir/data/big" bs=1M count=20 status=none
	vm unplug "$name"
	does "$type is cut off its pulled disk" "" shutdown "/mnt/$dir" "$type"
	does "twice" "" shutdown "/mnt/$dir" "$type"
	not_ok "then nothing is written any more" sh -c "echo x >/mnt/$dir/data/x && sync -f /mnt/$dir"
	ok "it unmounts within seconds" timeout 20 umount "/mnt/$dir"
done
done_testing
