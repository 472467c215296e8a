#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of "solodisk erase" of an encrypted volume: once it is not marked
# erasing any more, no part of its key is left; and the same command finishes.
# vm: --disk nvme,name=rec,size=82M,log=rec.log --disk nvme,name=try,size=82M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/vm/crash.sh"

install_driver false
key=$(new_key one)
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
tenant nvme0n1 1 "$(options "$id" pv encryption=luks2 key=file:one)"
used=$(requests)
ok "erase" solodisk erase --yes --no-prepare nvme0n1
erased=$(requests)
recorded

crash_trial "encrypted erase is finished by another one, and the key is gone" erase \
	"$used" "$erased" --words="--no-prepare" --key-gone --old-key "$key" --damaged --head 18
done_testing
