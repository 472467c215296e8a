#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of "solodisk prepare --encrypt luks2": the same command finishes.
# vm: --disk nvme,name=rec,size=82M,log=rec.log --disk nvme,name=try,size=82M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/crash.sh"

install_driver false
new_key one >/dev/null
blank=$(requests)
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
like "prepared" "$id" "^[0-9a-f-]{36}$"
ready=$(requests)
recorded

crash_trial "encrypted prepare is finished by another one" prepare "$blank" "$ready" \
	--words "--filesystem ext4 --encrypt luks2 --key file:one" --damaged --head 18 --tables 20
done_testing
