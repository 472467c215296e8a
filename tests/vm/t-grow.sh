#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks that grow under writing pods, or while nobody uses them: table, mapping and filesystem follow, no
# byte of the data changes, and what cannot be told apart is not touched.
# vm: --disk scsi,name=a,size=320M --disk scsi,name=b,size=96M --disk scsi,name=c,size=336M
# vm: --disk scsi,name=d,size=96M --disk scsi,name=e,size=80M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

# grows NAME NODE SIZE: the disk, and the kernel notices.
grows() {
	ok "disk $1 grows to $3 MiB" vm grow "$1" "$3M"
	ok "the kernel sees it" eventually 20 test "$(blockdev --getsz "$2")" = $(($3 * 2048))
}

# fits NODE MIB: table and kernel agree that the partition ends 1 MiB before a disk of this size does.
fits() {
	is "$1: the partition takes the whole disk" "$(cat "/sys/block/${1#/dev/}/${1#/dev/}1/size")" \
		$((($2 - 2) * 2048))
	like "both copies of the table are there" "$(sgdisk -v "$1" 2>&1)" "No problems found"
}

# grow NAME REGEX ARGUMENT...: succeeds, and its answer matches.
grow() {
	local name=$1 regex=$2
	shift 2
	answer=$(solodisk grow --json "$@" 2>&1)
	is "$name" "$?" 0 || note "$answer"
	like "what it says: $name" "$answer" "$regex"
}

kib() {
	df -k --output=size "$1" | tail -1
}

# Pods that write all the time: 256 KiB files, each flushed and its checksum noted. Of each pod's the last
# 60 stay.
load() {
	python3 - "$@" <<-'END'
		import collections, os, sys, zlib
		block = os.urandom(1 << 18)
		files = {d: collections.OrderedDict() for d in sys.argv[1:]}
		n = 0
		while not os.path.exists("/tmp/stop"):
		    n += 1
		    data = n.to_bytes(8, "big") + block[n:] + block[:n]
		    for d, mine in files.items():
		        path = f"{d}/{n}"
		        with open(path, "wb") as f:
		            f.write(data)
		            os.fsync(f.fileno())
		        mine[path] = zlib.crc32(data)
		        if len(mine) > 60:
		            os.unlink(mine.popitem(last=False)[0])
		    if n == 8:
		        open("/tmp/running", "w").close()
		with open("/tmp/sums", "w") as f:
		    for mine in files.values():
		        f.writelines(f"{crc} {path}\n" for path, crc in mine.items())
	END
}

# wrong_sums: how many of the files that were written do not read as they were; then how many are right.
wrong_sums() {
	python3 - <<-'END'
		import zlib
		right = wrong = 0
		for line in open("/tmp/sums"):
		    crc, path = line.split()
		    if zlib.crc32(open(path, "rb").read()) == int(crc):
		        right += 1
		    else:
		        wrong += 1
		open("/tmp/right", "w").write(str(right))
		print(wrong)
	END
}

mount_all() {
	succeeds "mount a" mount "$A" "$(options "$a" pv)"
	succeeds "mount b" mount "$B" "$(luks_options "$b" "$secret" pv)"
	succeeds "mount c" mount "$C" "$(options "$c" pv encryption=luks2 key=file:tenant)"
	succeeds "mount d" mount "$D" "$(options "$d" pv)"
}

install_driver false
new_key tenant >/tmp/key
secret=/tmp/secret
new_key wrong >/tmp/key
(umask 077 && head -c 64 /dev/urandom >$secret)
a=$(prepare /dev/sda --filesystem xfs)
b=$(prepare /dev/sdb --filesystem ext4 --encrypt luks2 --key-file $secret)
c=$(prepare /dev/sdc --filesystem xfs --encrypt luks2 --key file:tenant)
d=$(prepare /dev/sdd --filesystem ext4)
A=$(pod 1) B=$(pod 2) C=$(pod 3) D=$(pod 4)
mount_all
a_size=$(kib "$A") b_size=$(kib "$B") c_size=$(kib "$C") d_size=$(kib "$D")

# Under load

load "$A" "$B" "$C" "$D" 2>/tmp/load-errors &
load=$!
ok "the pods write" eventually 60 test -e /tmp/running
grow "nothing to do yet" '"changed":false' sda
grows a /dev/sda 480
grow "plain XFS under load" '"filesystem":.*"changed":true' /dev/sda
fits /dev/sda 480
ok "the pod sees the space" test "$(kib "$A")" -gt $((a_size + 150000))
grow "again: nothing to do" '"changed":false' "$a"
grows a /dev/sda 640
grow "a second time" '"changed":true' "solodisk.$a"
ok "the pod sees that too" test "$(kib "$A")" -gt $((a_size + 300000))
fits /dev/sda 640

grows b /dev/sdb 192
out=$(solodisk grow --key file:wrong sdb 2>&1)
is "a wrong key" $? 3
like "is told so" "$out" "wrong key for"
is "and the partition is as it was" "$(cat /sys/block/sdb/sdb1/size)" $((94 * 2048))
grow "ext4 in LUKS without its key: the partition" '"pending":"key","changed":true' sdb
fits /dev/sdb 192
is "the pod sees nothing of it" "$(kib "$B")" "$b_size"
succeeds "expandfs has no key either" expandfs \
	"$(options "$b" pv encryption=luks2 key=secret:key)" "" "$B" 1 1
like "and says when it grows" "$message" "mounted next"
grow "with the key the rest follows" '"filesystem":.*"changed":true' --key-file $secret sdb
ok "the pod sees the space in LUKS" test "$(kib "$B")" -gt $((b_size + 80000))
grow "and then no key is needed" '"changed":false' sdb

grows c /dev/sdc 480
grow "XFS in LUKS, the node's key" '"filesystem":.*"changed":true' --key file:tenant sdc
ok "the pod sees that space too" test "$(kib "$C")" -gt $((c_size + 120000))
fits /dev/sdc 480

grows d /dev/sdd 192
succeeds "ext4 by kubelet's expandfs" expandfs "$(options "$d" pv)" "" "$D" 1 1
ok "its pod sees the space" test "$(kib "$D")" -gt $((d_size + 80000))
fits /dev/sdd 192
grow "the tool finds nothing left to do" '"changed":false' sdd

# What another pod's mount with the key finds grown below it, it takes.
grows b /dev/sdb 256
grow "the partition once more" '"pending":"key"' sdb
b_size=$(kib "$B")
succeeds "a second pod mounts with the key" mount "$(pod 5)" "$(luks_options "$b" "$secret" pv)"
ok "and the volume has grown under both" test "$(kib "$B")" -gt $((b_size + 50000))
succeeds "unmount" unmount "$(pod 5)"

# Space that was not there before is written to.
ok "ext4 takes more than the old disk had" fallocate -l 100M "$D/big"
ok "so does XFS" fallocate -l 330M "$A/big"
a_size=$(kib "$A") c_size=$(kib "$C")
touch /tmp/stop
wait $load
is "the pods wrote all the time" "$?:$(cat /tmp/load-errors)" "0:"
for target in "$A" "$B" "$C" "$D"; do
	succeeds "unmount" unmount "$target"
done
no_leftovers
ok "xfs_repair finds no fault" xfs_repair -n /dev/sda1
ok "nor does e2fsck" e2fsck -fn /dev/sdd1

# While nobody uses it

grows c /dev/sdc 560
refused "a wrong key, closed" c "wrong key for" solodisk grow --key file:wrong sdc
refused "a key for a plain volume" a "not encrypted, it takes no key" solodisk grow --key file:wrong sda
grow "encrypted and closed" '"pending":"mount","changed":true' --key file:tenant sdc
fits /dev/sdc 560
grows a /dev/sda 700
like "in plain words" "$(solodisk grow sda)" "grew from 638M to 698M; the filesystem is not mounted"
fits /dev/sda 700
like "again" "$(solodisk grow sda)" "has 698M as before"
# As after a kill between the table and the kernel.
resizepart /dev/sda 1 $((638 * 2048))
is "the kernel's entry is smaller than the table's" "$(cat /sys/block/sda/sda1/size)" $((638 * 2048))
grow "grow mends the kernel's entry" '"partition":' sda
fits /dev/sda 700
mount_all
is "every file is as it was written" "$(wrong_sums)" 0
ok "and there are many" test "$(cat /tmp/right)" -gt 40
note "$(cat /tmp/right) files of 256 KiB"
ok "the next mount has grown a" test "$(kib "$A")" -gt $((a_size + 50000))
ok "and c" test "$(kib "$C")" -gt $((c_size + 70000))
for target in "$A" "$B" "$C" "$D"; do
	succeeds "unmount" unmount "$target"
done

# What is not touched

sfdisk --dump /dev/sdd >/tmp/dump
grep -v "^last-lba\|^device\|^unit" /tmp/dump | sed "s/size= *[0-9]*/size=$((60 * 2048))/" |
	sfdisk -q --no-reread /dev/sde
ok "disk e is a copy of d's table" test "$(volume_of /dev/sde)" = "$d"
grows d /dev/sdd 224
refused "a volume that is on two disks" d "on both sdd and sde.*taken away" solodisk grow sdd
is "nor is the copy" "$(solodisk grow sde 2>&1 >/tmp/out; cat /tmp/out)" \
	"$(solodisk grow sdd 2>&1 >/tmp/out; cat /tmp/out)"
sfdisk -q --part-uuid /dev/sde 1 1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d
sfdisk -q --part-label /dev/sde 1 solodisk-erasing-1a2b3c4d
refused "one that is being erased" e "state erasing.*solodisk erase" solodisk grow sde
sfdisk -q --part-label /dev/sde 1 solodisk-preparing-1a2b3c4d
refused "one that is being prepared" e "solodisk prepare.*goes on" solodisk grow sde
sfdisk -q --part-label /dev/sde 1 solodisk-used-1a2b3c4d
refused "one whose content cannot be told" e "holds nothing that is known" solodisk grow sde
dd if=/dev/zero of=/dev/sde bs=1M seek=79 count=1 conv=fsync status=none
dd if=/dev/sda of=/dev/sde bs=1M count=1 conv=fsync status=none
refused "a disk that shrank" e "now smaller.*give it its old size back" solodisk grow sde
wipefs -qa /dev/sde
dd if=/dev/zero of=/dev/sde bs=1M count=1 conv=fsync status=none
refused "a disk without a volume" e "carries no volume" solodisk grow sde
is "no such volume" "$(solodisk grow 00000000-1111-4222-8333-444444444444 >/tmp/out 2>&1; echo $?)" 4

# Made again on a disk that grew

ok "erase takes the whole disk" solodisk erase --yes sdd
fits /dev/sdd 224
d=$(volume_of /dev/sdd)
succeeds "mount it" mount "$D" "$(options "$d" pv)"
ok "with a filesystem of that size" test "$(kib "$D")" -gt 190000
succeeds "unmount" unmount "$D"
ok "erased only" solodisk erase --yes --no-prepare sdd
grows d /dev/sdd 256
ok "then prepare takes the whole disk too" solodisk prepare --yes --filesystem ext4 sdd
fits /dev/sdd 256
succeeds "mount it" mount "$D" "$(options "$(volume_of /dev/sdd)" pv)"
ok "with such a filesystem" test "$(kib "$D")" -gt 220000
succeeds "unmount" unmount "$D"
no_leftovers
answers_are_json
done_testing
