#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The right data on the right disk: two disks swapped in their slots, a disk that grew, a disk that was
# pulled under a pod and put back.
# vm: --disk nvme,name=a,size=400M --disk nvme,name=b,size=400M --disk scsi,name=c,size=400M --disk scsi,name=d,size=400M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
key=$KEYS/tenant
one=$(pod 1)
two=$(pod 2)

has_grown() {
	echo 1 >"/sys/block/$1/device/rescan"
	[ "$(<"/sys/block/$1/size")" -gt 1500000 ]
}

if [ "$BOOT" = 1 ]; then
	cp "$(new_key tenant)" "$STATE/key"
	prepare /dev/nvme0n1 --filesystem xfs >"$STATE/one"
	prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant >"$STATE/two"
	wwid_of nvme0n1 >"$STATE/wwid"
	succeeds "mount the first" mount "$one" "$(options "$(<"$STATE/one")" pv)"
	succeeds "mount the second" mount "$two" "$(luks_options "$(<"$STATE/two")" "$key" pv)"
	echo one >"$one/file"
	echo two >"$two/file"
	df -k --output=size "$one" | tail -1 >"$STATE/size"
	sync
	vm swap a b
	vm grow b 600M
	vm grow a 600M
	vm reset
fi

(umask 077 && mkdir -p "$KEYS" && cp "$STATE/key" "$key")
id1=$(<"$STATE/one")
id2=$(<"$STATE/two")
is "the disks have changed places" "$(wwid_of nvme1n1)" "$(<"$STATE/wwid")"
succeeds "mount the first by its WWID" mount "$one" "$(options "$id1" pv wwid="$(<"$STATE/wwid")")"
is "it is the first tenant's data" "$(cat "$one/file")" one
like "on the other node now" "$(findmnt -nro SOURCE "$one")" nvme1n1
succeeds "mount the second by its ID alone" mount "$two" "$(luks_options "$id2" "$key" pv)"
is "it is the second tenant's data" "$(cat "$two/file")" two
fails "the WWID of the place where it was is not the volume's" "carries volume $id2" \
	mount "$(pod 9)" "$(options "$id1" pv wwid="$(wwid_of nvme0n1)")"

ok "the plain volume has grown with its disk" \
	test "$(df -k --output=size "$one" | tail -1)" -gt "$(($(<"$STATE/size") + 150000))"
ok "so has the encrypted one" test "$(df -k --output=size "$two" | tail -1)" -gt 450000
for disk in /dev/nvme0n1 /dev/nvme1n1; do
	like "the table of $disk ends where it does" "$(sgdisk -v $disk 2>&1)" "No problems found"
done
succeeds "expandfs finds nothing more to grow" expandfs "$(options "$id1" pv)" "" "$one" 1 1

succeeds "unmount the second" unmount "$two"

# Grown while it is mounted: expandfs does it, under the pod's eyes.
plain=$(prepare /dev/sda --filesystem xfs)
secret=$(prepare /dev/sdb --filesystem ext4 --encrypt luks2 --key file:tenant)
plain_target=$(pod 3)
secret_target=$(pod 4)
succeeds "mount" mount "$plain_target" "$(options "$plain" pv)"
succeeds "mount" mount "$secret_target" "$(luks_options "$secret" "$key" pv)"
echo plain >"$plain_target/file"
echo secret >"$secret_target/file"
vm grow c 800M
vm grow d 800M
ok "the kernel sees that the disks grew" eventually 10 has_grown sda
ok "both" eventually 10 has_grown sdb
succeeds "expandfs after the disk grew" expandfs "$(options "$plain" pv)" "" "$plain_target" 1 1
ok "the pod sees the space" test "$(df -k --output=size "$plain_target" | tail -1)" -gt 700000
is "and its data" "$(cat "$plain_target/file")" plain
succeeds "expandfs, repeated" expandfs "$(options "$plain" pv)" "" "$plain_target" 1 1
succeeds "expandfs without the key" expandfs \
	"$(options "$secret" pv encryption=luks2 key=secret:key)" "" "$secret_target" 1 1
like "says when it will grow" "$message" "when it is mounted next"
succeeds "unmount" unmount "$secret_target"
succeeds "the next mount has the key" mount "$secret_target" "$(luks_options "$secret" "$key" pv)"
ok "and has grown it" test "$(df -k --output=size "$secret_target" | tail -1)" -gt 650000
is "with its data" "$(cat "$secret_target/file")" secret
succeeds "unmount" unmount "$secret_target"
succeeds "unmount" unmount "$plain_target"

# Pulled under a writing pod, and put back: the dead mount goes, the data comes again.
sync
vm unplug --surprise a
call unmount "$one"
is "unmount after the disk was pulled" "$result" Success || note "$answer"
no_leftovers "nothing of it is left"
fails "mount while it is out" "WWID|no disk" mount "$one" "$(options "$id1" pv wwid="$(<"$STATE/wwid")")"
vm plug a
succeeds "mount after it was put back" mount "$one" "$(options "$id1" pv wwid="$(<"$STATE/wwid")")"
is "the data is there" "$(cat "$one/file")" one

# The same, but kubelet had no time to unmount: the stage of the dead disk is replaced.
vm unplug --surprise a
umount -l "$one"
vm plug a
succeeds "mount over the dead stage" mount "$one" "$(options "$id1" pv wwid="$(<"$STATE/wwid")")"
is "shows the data, not the dead mount" "$(cat "$one/file")" one
succeeds "unmount" unmount "$one"
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
