#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of "solodisk erase" of an unencrypted volume, and of "solodisk release":
# the same command finishes, and a disk with a tenant's data on it never looks clean.
# vm: --disk nvme,name=rec,size=64M,log=rec.log --disk nvme,name=try,size=64M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/vm/crash.sh"

install_driver false
id=$(prepare /dev/nvme0n1 --filesystem ext4)
tenant nvme0n1 1 "$(options "$id" pv)"
used=$(requests)
ok "erase" solodisk erase --yes --method zero nvme0n1
ready=$(requests)
ok "release" solodisk release --yes nvme0n1
released=$(requests)
id=$(prepare /dev/nvme0n1 --filesystem ext4)
tenant nvme0n1 2 "$(options "$id" pv)"
used_again=$(requests)
ok "erase by discarding" solodisk erase --yes --method discard --no-prepare nvme0n1
discarded=$(requests)
recorded

crash_trial "release is finished by another one" release "$ready" "$released" --damaged
crash_trial "an erase that discards is finished by another one" erase "$used_again" "$discarded" \
	--words "--method discard --no-prepare" --marker "$marker" --damaged
crash_trial "erase is finished by another one, and nothing is left" erase "$used" "$ready" \
	--words "--method zero" --more "--filesystem ext4 --encrypt none" --marker "$marker" --damaged
done_testing
