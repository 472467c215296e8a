#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk prepare: what it makes, what it refuses without changing a byte, how it asks.
# vm: --udev --disk nvme,name=a,size=330M --disk nvme,name=b,size=330M --disk nvme,name=c,size=330M,lbs=4096
# vm: --disk scsi,name=d,size=330M --disk scsi,name=small,size=64M --disk scsi,name=ro,size=330M,ro=on
# timeout: 400
. "$SRC/tests/vm/lib.sh"
PATH=$BUILD:$PATH
KEYS=/etc/solodisk/keys

# volume DISK FIELD: the jq path below .disks[0].
volume() {
	solodisk list --json "$1" | jq -r ".disks[0]$2"
}

# crc DISK: of the image, with what is cached.
crc() {
	sync
	vm crc "$1"
}

# refused NAME DISK REGEX ARGUMENT...: exit 3, an error that says why, not a byte changed.
refused() {
	local name=$1 disk=$2 regex=$3 before out
	shift 3
	before=$(crc "$disk")
	out=$(solodisk prepare "$@" 2>&1 </dev/null)
	is "refused: $name" $? 3
	like "it says why: $name" "$out" "$regex"
	is "no byte changed: $name" "$(crc "$disk")" "$before"
}

# answers WORD ARGUMENT...: solodisk at a terminal, where a person types the word.
answers() {
	local word=$1
	shift
	{ sleep 2 && echo "$word"; } | script -qec "solodisk $*" /dev/null
}

release() {
	solodisk release --yes "$1" >/dev/null || solodisk release --yes --failed "$1" >/dev/null
}

mkdir -p "$KEYS" /mnt/v
(umask 077 && head -c 64 /dev/urandom >"$KEYS/one" && echo short >"$KEYS/short")
(umask 022 && head -c 64 /dev/urandom >"$KEYS/open-to-all")

# What it makes

ok "plain XFS" solodisk prepare --filesystem xfs --yes nvme0n1
id=$(volume nvme0n1 .volume.id)
is "the volume is ready" "$(volume nvme0n1 .state)" ready
udevadm settle # lsblk asks udev, which may still be at the event
is "the partition's name is the state" "$(lsblk -dno PARTLABEL /dev/nvme0n1p1)" \
	"solodisk-ready-${id%%-*}"
is "the partition's type says whose it is" "$(lsblk -dno PARTTYPE /dev/nvme0n1p1)" \
	c2b0e314-76ad-4578-a8b0-a0c361a991d7
is "the filesystem's UUID is the volume ID" "$(blkid -p -o value -s UUID /dev/nvme0n1p1)" "$id"
ok "the filesystem mounts" mount -o ro /dev/nvme0n1p1 /mnt/v
ok "the tenant's directory is there" test -d /mnt/v/data
umount /mnt/v
ok "a disk that is ready already is left alone" solodisk prepare --filesystem xfs --yes nvme0n1
is "it is the same volume" "$(volume nvme0n1 .volume.id)" "$id"
refused "ready, but with another filesystem" a "ext4" --filesystem ext4 --yes nvme0n1

ok "ext4 in LUKS2, JSON" bash -c \
	"solodisk prepare --filesystem ext4 --encrypt luks2 --key file:one --yes --json nvme1n1 >/tmp/json"
id=$(volume nvme1n1 .volume.id)
is "every line is JSON, the last tells the volume" \
	"$(jq -rs 'last | .event + " " + .volumeID + " " + .encryption' /tmp/json)" "done $id luks2"
ok "the key opens it" cryptsetup open --key-file "$KEYS/one" /dev/nvme1n1p1 test
is "LUKS UUID is the volume ID" "$(cryptsetup luksUUID /dev/nvme1n1p1)" "$id"
is "the filesystem's UUID too" "$(blkid -p -o value -s UUID /dev/mapper/test)" "$id"
cryptsetup close test
ok "the mapping is closed again" test ! -e "/dev/mapper/solodisk-${id//-/}"
unlike "no key in the log" "$(cat /run/syslog)" "$(base64 -w0 "$KEYS/one" | cut -c1-20)"

ok "XFS on 4096-byte sectors, LUKS2, the key from stdin" bash -c \
	"solodisk prepare --filesystem xfs --encrypt luks2 --key-file - --yes nvme2n1 <$KEYS/one"
is "it is ready" "$(volume nvme2n1 .state)" ready
ok "released" solodisk release --yes nvme2n1
is "then it is blank" "$(volume nvme2n1 .state)" blank
ok "plain XFS on 4096-byte sectors" solodisk prepare --filesystem xfs --yes nvme2n1
ok "it mounts" mount -o ro /dev/nvme2n1p1 /mnt/v
umount /mnt/v
release nvme2n1

# What it refuses

exits "no such disk" 4 solodisk prepare --filesystem xfs --yes nvme7n1
exits "a partition" 3 solodisk prepare --filesystem xfs --yes nvme0n1p1
refused "too small for XFS" small "needs" --filesystem xfs --yes sdb
refused "read-only" ro "read-only" --filesystem xfs --yes sdc
mkfs.ext4 -q /dev/sda
refused "not blank" d "ext4" --filesystem xfs --yes sda
refused "one of two is not blank" d "ext4" --filesystem xfs --yes nvme2n1 sda
is "and the other one is blank still" "$(volume nvme2n1 .state)" blank
mount -o ro /dev/sda /mnt/v
wwid=$(volume sda .wwid)
refused "mounted, even by force" d "mounted at /mnt/v" \
	--filesystem xfs --yes --force --wwid "$wwid" sda
umount /mnt/v
refused "the wrong WWID" d "WWID" --filesystem xfs --yes --force --wwid naa.1 sda
exits "--force without the WWID" 2 solodisk prepare --filesystem xfs --yes --force sda
exits "--force on two disks" 2 \
	solodisk prepare --filesystem xfs --yes --force --wwid "$wwid" sda nvme2n1
refused "a volume, even by force" a "state ready|made otherwise" \
	--filesystem ext4 --yes --force --wwid "$(volume nvme0n1 .wwid)" nvme0n1
ok "by force with its WWID" solodisk prepare --filesystem xfs --yes --force --wwid "$wwid" sda
is "now it is a volume" "$(volume sda .state)" ready
release sda
printf x | dd of=/dev/sda bs=1 seek=$((330 * 1024 * 1024 - 700)) conv=notrunc status=none
refused "a byte at its very end" d "not zero" --filesystem xfs --yes sda
ok "that byte by force" solodisk prepare --filesystem xfs --yes --force --wwid "$wwid" sda
release sda
encrypted="--filesystem xfs --encrypt luks2 --yes"
# shellcheck disable=SC2086 # words
{
	refused "a short key" d "32" $encrypted --key file:short sda
	refused "a key file that others may read" d "open-to-all" $encrypted --key file:open-to-all sda
	refused "the same by its path" d "others" $encrypted --key-file "$KEYS/open-to-all" sda
	refused "no such key" d "absent" $encrypted --key file:absent sda
	exits "no key at all" 2 solodisk prepare $encrypted sda
	exits "a key from stdin and a question" 2 \
		solodisk prepare --filesystem xfs --encrypt luks2 --key-file - sda
}
sgdisk -n 1:0:+64M -t 1:8300 /dev/sda >/dev/null
refused "a partition table" d "gpt|partition" --filesystem xfs --yes sda
ok "the partition table by force" \
	solodisk prepare --filesystem xfs --yes --force --wwid "$wwid" sda
release sda

# The question

refused "no terminal to ask at" d "terminal" --filesystem xfs sda
refused "a question in the midst of JSON" d "--yes" --json --filesystem xfs sda
like "it shows what will be lost" "$(answers no prepare --filesystem xfs sda)" "$wwid.*not \"yes\""
is "no is no" "$(volume sda .state)" blank
like "yes is not enough when it is not the whole word" \
	"$(answers y prepare --filesystem xfs sda)" "not \"yes\""
like "yes is yes" "$(answers yes prepare --filesystem xfs sda)" "is ready"
is "then it is ready" "$(volume sda .state)" ready
done_testing
