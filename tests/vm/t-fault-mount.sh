#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks that fail in each step of mount: a Failure that says why, and nothing is left.
#
# vm: --disk scsi,name=a,size=330M --disk scsi,name=b,size=100M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

PART=2048                    # the partition's first sector
INSIDE=$((PART + 32 * 1024)) # of what LUKS2 has inside
install_driver false
key=$(new_key tenant)
plain=$(prepare /dev/sda --filesystem xfs)
secret=$(prepare /dev/sdb --filesystem ext4 --encrypt luks2 --key file:tenant)
one=$(pod 1)
two=$(pod 2)
plain_options=$(options "$plain" pv wwid="$(wwid_of sda)")
secret_options=$(luks_options "$secret" "$key" pv wwid="$(wwid_of sdb)")

# faulty NAME REGEX DISK FAULT...: mount fails while that is so, and leaves nothing.
faulty() {
	local name=$1 regex=$2 disk=$3 target=$one opts=$plain_options
	shift 3
	[ "$disk" = a ] || { target=$two opts=$secret_options; }
	vm errors "$disk" on "$@"
	fails "$name: mount fails" "$regex" mount "$target" "$opts"
	note "$message"
	is "$name: nothing is mounted" "$(findmnt -nro TARGET "$target")" ""
	no_leftovers "$name: nothing is left"
	vm errors "$disk" off
}

faulty "the mark cannot be changed" "could not be changed to \"used\"" a write 1
is "the volume is ready still" "$(state_of /dev/sda)" ready
faulty "the same over LUKS" "could not be changed to \"used\"" b write 1
is "that volume, too" "$(state_of /dev/sdb)" ready
succeeds "mount" mount "$one" "$plain_options"
succeeds "mount" mount "$two" "$secret_options"
echo one >"$one/file"
echo two >"$two/file"
succeeds "unmount" unmount "$one"
succeeds "unmount" unmount "$two"
before=$(digests a b)
faulty "the table cannot be read" "cannot read sector" a read 1
faulty "the disk cannot be read at all" "cannot read sector" a read
faulty "the superblock cannot be read" "could not be read|Input/output error" a read $PART
faulty "the LUKS header cannot be read" "could not be read|Input/output error" b read $PART
faulty "no keyslot can be read" "cannot open /dev/sdb1: Keyslot open failed" b read \
	$((PART + 64)) $((PART + 128)) $((PART + 256)) $((PART + 320))
faulty "the superblock in LUKS cannot be read" "could not be read|Input/output error" b read $INSIDE $((INSIDE + 2))
is "not a byte was changed" "$(digests a b)" "$before"
no_leftovers
answers_are_json
done_testing
