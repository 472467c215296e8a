#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of a disk with sectors of 4096 bytes: prepare, a first mount, release.
# vm: --disk nvme,name=rec,size=64M,lbs=4096,log=rec.log --disk nvme,name=try,size=64M,lbs=4096
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/vm/crash.sh"

install_driver false
blank=$(requests)
id=$(prepare /dev/nvme0n1 --filesystem ext4)
ready=$(requests)
tenant nvme0n1 1 "$(options "$id" pv)"
used=$(requests)
ok "erase" solodisk erase --yes --method discard nvme0n1
again=$(requests)
ok "release" solodisk release --yes nvme0n1
released=$(requests)
recorded

crash_trial "prepare is finished by another one" prepare "$blank" "$ready" \
	--words "--filesystem ext4" --damaged
crash_trial "a first mount is finished by another one" use "$ready" "$used" --driver "$DRIVER" \
	--target "$(pod 2)" --words "$(options "$id" pv)" --marker "$marker" --damaged
crash_trial "release is finished by another one" release "$again" "$released" --damaged
done_testing
