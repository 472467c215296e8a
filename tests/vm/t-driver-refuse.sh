#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What mount refuses: each time a Failure that says what and why, nothing mounted, nothing open, and
# not a byte of any disk changed.
# vm: --disk nvme,name=a,size=512M --disk nvme,name=b,size=512M --disk nvme,name=c,size=512M --disk nvme,name=d,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
key=$(new_key tenant)
new_key other >/dev/null
(umask 077 && printf 'short' >"$KEYS/short" && cp "$key" "$KEYS/open-to-all")
chmod 0644 "$KEYS/open-to-all"
plain=$(prepare /dev/nvme0n1 --filesystem xfs)
secret=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant)
cloned=$(prepare /dev/nvme2n1 --filesystem xfs)
unprepared=00000000-1111-4222-8333-444444444444
target=$(pod 1)
before=

# refused NAME REGEX VERB ARGUMENT...
refused() {
	local name=$1
	fails "$@"
	is "$name: nothing is left" "$(leftovers)" ""
	is "$name: no byte changed" "$(digests a b c d)" "$before"
}

before=$(digests a b c d)
refused "wrong WWID" "WWID" mount "$target" "$(options "$plain" pv wwid=eui.1122334455667788)"
refused "the WWID of another disk" "volume" mount "$target" \
	"$(options "$plain" pv wwid="$(wwid_of nvme1n1)")"
refused "wrong filesystem" "xfs.*ext4|ext4.*xfs" mount "$target" \
	"$(options "$plain" pv kubernetes.io/fsType=ext4)"
refused "a plain disk offered as encrypted" "plain xfs" mount "$target" \
	"$(luks_options "$plain" "$key" pv)"
refused "an encrypted disk offered as plain" "is encrypted" mount "$target" "$(options "$secret" pv)"
refused "wrong key" "key" mount "$target" "$(luks_options "$secret" "$KEYS/other" pv)"
refused "missing key in the Secret" 'no key "absent"' mount "$target" \
	"$(luks_options "$secret" "$key" pv key=secret:absent)"
refused "no Secret at all" "no Secret" mount "$target" \
	"$(options "$secret" pv encryption=luks2 key=secret:key)"
refused "no key named" 'name no "key"' mount "$target" "$(options "$secret" pv encryption=luks2)"
refused "missing key file" "absent" mount "$target" \
	"$(options "$secret" pv encryption=luks2 key=file:absent)"
refused "short key" "shorter than 32" mount "$target" \
	"$(options "$secret" pv encryption=luks2 key=file:short)"
refused "key file that others may read" "0644|mode" mount "$target" \
	"$(options "$secret" pv encryption=luks2 key=file:open-to-all)"
refused "unknown option" 'unknown option "colour"' mount "$target" "$(options "$plain" pv colour=red)"
refused "mount option that is not allowed" "suid" mount "$target" \
	"$(options "$plain" pv mountOptions=noatime,suid)"
refused "unprepared disk" "volume" mount "$target" "$(options "$unprepared")"
refused "unprepared disk, by its device" "nvme3n1" mount "$target" '{"device": "/dev/nvme3n1"}'
refused "device of another volume" "not where volume" mount "$target" \
	"$(options "$plain" device=/dev/nvme1n1)"
refused "the name of an inline volume" "allowInline" mount "$target" \
	"$(options "$plain" kubernetes.io/pvOrVolumeName=data)"
refused "another PV's name" "allowInline" mount "$target" \
	"$(options "$plain" "kubernetes.io/pvOrVolumeName=solodisk.$secret")"
refused "an inline volume that names only a device" "by hand" mount "$target" \
	'{"device": "/dev/nvme0n1", "kubernetes.io/pvOrVolumeName": "data"}'

mkdir -p "$target"
mount -t tmpfs busy "$target"
fails "target busy with another mount" "already" mount "$target" "$(options "$plain" pv)"
is "target busy: no byte changed" "$(digests a b c d)" "$before"
is "and only that mount is there" "$(findmnt -nro SOURCE "$target")" busy
umount "$target"
no_leftovers "target busy: nothing is left"
rmdir "$target"
refused "target missing, and its parent too" "." mount "$PODS/none/there/data" "$(options "$plain" pv)"
ln -s /tmp "$target"
refused "target is a symbolic link" "link" mount "$target" "$(options "$plain" pv)"
rm "$target"
echo file >"$target"
refused "target is a file" "directory" mount "$target" "$(options "$plain" pv)"
rm "$target"
refused "the stage offered to unmount" "." unmount /proc

# A stale mapping of the volume's name, over another disk.
truncate -s 32M /tmp/stale
loop=$(losetup -f --show /tmp/stale)
echo "0 65536 linear $loop 0" | dmsetup create "solodisk-${secret//-/}" --uuid stale
fails "a stale mapping of the same name" "mapping" mount "$target" "$(luks_options "$secret" "$key" pv)"
ok "the stale mapping is not touched" test -n "$(grep -l "solodisk-${secret//-/}" /sys/block/dm-*/dm/name)"
is "and no byte changed" "$(digests a b c d)" "$before"
not_ok "nothing is mounted" mountpoint -q "$target"
dmsetup remove "solodisk-${secret//-/}"
losetup -d "$loop"

# States that are never mounted.
for state in preparing erasing failed nonsense; do
	sfdisk --part-label /dev/nvme0n1 1 "solodisk-$state-${plain:0:8}" >/dev/null 2>&1
	before=$(digests a b c d)
	refused "state $state" "$state|state" mount "$target" "$(options "$plain" pv)"
done
sfdisk --part-label /dev/nvme0n1 1 "solodisk-used-${plain:0:8}" >/dev/null 2>&1

# A mark over other content: the table was cloned onto a disk that holds something else.
sfdisk -d /dev/nvme2n1 >/tmp/table
wipefs -qa /dev/nvme2n1p1 && mkfs.xfs -qf /dev/nvme2n1p1
before=$(digests a b c d)
refused "the mark of a volume over another filesystem" "." mount "$target" "$(options "$cloned" pv)"

# One volume ID on two disks.
dd if=/dev/nvme0n1 of=/dev/nvme2n1 bs=1M status=none conv=fsync
before=$(digests a b c d)
refused "one volume on two disks" "nvme0n1.*nvme2n1|two" mount "$target" "$(options "$plain")"
succeeds "but with the WWID it is clear which" mount "$target" \
	"$(options "$plain" pv wwid="$(wwid_of nvme0n1)")"
like "that one is mounted" "$(findmnt -nro SOURCE "$target")" nvme0n1
succeeds "unmount" unmount "$target"
vm unplug c

# The disk is gone.
vm unplug b
before=$(digests a d)
fails "disk gone" "." mount "$target" "$(luks_options "$secret" "$key" pv wwid=eui.5254000000000201)"
is "no byte changed on the others" "$(digests a d)" "$before"
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
