#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of "solodisk prepare --force", of the mending of a table, by a mount and by
# "solodisk adopt", of "solodisk grow" and of a mount that finds a larger disk: the same call finishes,
# and the tenant's data is there.
# vm: --disk scsi,name=rec,size=64M,log=rec.log --disk scsi,name=try,size=64M --disk scsi,name=large,size=96M,plugged=off --disk scsi,name=larger,size=128M,plugged=off
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/vm/crash.sh"

# spoil SECTOR: as a write that never arrived.
spoil() {
	dd if=/dev/zero of=/dev/sda bs=512 seek="$1" count=1 conv=notrunc,fsync status=none
}

# mended NAME SECTOR: somebody's first call after that; sets first and last.
mended() {
	spoil "$2"
	first=$(requests)
	succeeds "mount with $1 lost" mount "$(pod 2)" "$(options "$id" pv)"
	succeeds "unmount" unmount "$(pod 2)"
	last=$(requests)
}

install_driver false
sfdisk -q /dev/sda >/dev/null <<-END
	label: gpt
	size=20MiB
	size=30MiB
END
mkfs.ext4 -q /dev/sda1
mkfs.ext4 -q /dev/sda2
foreign=$(requests)
id=$(prepare /dev/sda --filesystem ext4 --force --wwid "$(wwid_of sda)")
ready=$(requests)
tenant sda 1 "$(options "$id" pv)"
sectors=$((64 * 2048))
mended "the primary header" 1
primary=("$first" "$last")
mended "the primary's entries" 2
entries=("$first" "$last")
mended "the backup header" $((sectors - 1))
backup=("$first" "$last")
mended "the MBR" 0
mbr=("$first" "$last")
spoil 1
first=$(requests)
ok "adopt with the primary header lost" solodisk adopt sda
adopted=("$first" "$(requests)")
vm grow rec 96M
eventually 10 test "$(blockdev --getsize64 /dev/sda)" = $((96 << 20))
first=$(requests)
succeeds "mount of the larger disk" mount "$(pod 2)" "$(options "$id" pv)"
succeeds "unmount" unmount "$(pod 2)"
grown=("$first" "$(requests)")
vm grow rec 128M
eventually 10 test "$(blockdev --getsize64 /dev/sda)" = $((128 << 20))
first=$(requests)
ok "grow" solodisk grow sda
grown_again=("$first" "$(requests)")
recorded

use() {
	local name=$1
	shift
	crash_trial "$name" use "$@" --driver "$DRIVER" --target "$(pod 3)" \
		--words "$(options "$id" pv)" --keeps "$marker" --damaged --inside 2
}
crash_trial "a forced prepare is finished by another one" force "$foreign" "$ready" \
	--words "--filesystem ext4 --force --wwid $(wwid_of "$(basename "$(vm dev try)")")" --damaged
use "the primary is mended by the next mount" "${primary[@]}"
use "so are its entries" "${entries[@]}"
use "and the backup" "${backup[@]}"
use "and the MBR" "${mbr[@]}"
crash_trial "another adoption goes on" command "${adopted[@]}" --words adopt --before used --after used \
	--damaged
vm unplug try
vm plug large
crash_disk=large use "a disk that grew is as large after the next mount" "${grown[@]}" \
	--partition $((94 << 20))
vm unplug large
vm plug larger
crash_disk=larger crash_trial "another grow goes on" command "${grown_again[@]}" --words grow \
	--before used --after used --damaged --then 'test "$(blockdev --getsize64 "$PARTITION")" = 132120576'
done_testing
