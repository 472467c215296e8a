#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mark on a disk that fails: what could not be written is not believed, what could not be read is
# not guessed.
#
# vm: --disk nvme,name=a,size=128M --disk scsi,name=b,size=128M,lbs=4096
# timeout: 400
. "$SRC/tests/vm/lib.sh"

PATH=$BUILD/tests/vm:$PATH

# says NAME REGEX COMMAND...: fails, and its error text matches.
says() {
	local name=$1 regex=$2 text status
	shift 2
	text=$("$@" 2>&1 >/dev/null)
	status=$?
	is "$name: fails" "$status" 1
	like "$name: says why" "$text" "$regex"
}

for name in a b; do
	disk=$(vm dev "$name")
	id=$(cat /proc/sys/kernel/random/uuid)
	ok "$name: blank and free" volume-tool free "$disk"
	vm errors "$name" on read
	says "$name: a disk that cannot be read is not called free" "^EIO: could not tell what is on" volume-tool free "$disk"
	vm errors "$name" on write
	says "$name: no volume on a disk that takes no writes" "^E[A-Z]+: .*reading it back failed.*no solodisk volume|^EIO: " \
		volume-tool create "$disk" "$id"
	says "$name: nothing of it is there" "^ENOENT: " volume-tool mark "$disk"
	vm errors "$name" off
	ok "$name: and it is as free as before" volume-tool free "$disk"

	ok "$name: a volume" volume-tool create "$disk" "$id"
	ok "$name: ready" volume-tool state "$disk" ready
	before=$(vm crc "$name")
	vm errors "$name" on write
	says "$name: a state that cannot be written" "^EIO: .*could not be changed to \"used\" \(it reads ready" volume-tool state "$disk" used
	like "$name: is not there" "$(volume-tool mark "$disk" 2>&1)" "^$id ready 1 [0-9]+ [0-9]+$"
	is "$name: other programs see the old one too" "$(blkid -po value -s PART_ENTRY_NAME "$disk"*1)" "solodisk-ready-${id:0:8}"
	says "$name: nor can it be given back" "^EIO: .*could not be changed to \"preparing\"" volume-tool remove "$disk"
	vm errors "$name" off
	is "$name: not a byte changed" "$(vm crc "$name")" "$before"
	ok "$name: later it can" volume-tool state "$disk" used

	vm errors "$name" on read
	says "$name: a mark that cannot be read" "^EIO: .*cannot read sector" volume-tool mark "$disk"
	says "$name: is not called missing" "^ENODEV: .*not every disk could be read: .*${disk#/dev/}" volume-tool find "$id" none
	vm errors "$name" off
	like "$name: later it is found" "$(volume-tool find "$id" none 2>&1)" "^${disk#/dev/} .* $id used"
done
done_testing
