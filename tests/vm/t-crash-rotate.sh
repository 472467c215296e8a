#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of "solodisk rotate": one of the two keys always opens the volume, for
# cryptsetup as well; the same command finishes, and nothing of the old keyslot is left then.
# vm: --disk nvme,name=rec,size=64M,log=rec.log --disk nvme,name=try,size=64M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/vm/crash.sh"

install_driver false
new_key one >/dev/null
new_key two >/dev/null
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
tenant nvme0n1 1 "$(options "$id" pv encryption=luks2 key=file:one)"
used=$(requests)
ok "rotate" solodisk rotate --key file:one --new-key file:two nvme0n1
rotated=$(requests)
recorded

crash_trial "another rotation finishes it, and one of the keys opens it all the time" rotate \
	"$used" "$rotated" --words "one two" --key-gone --damaged --head 18 --tables 16
done_testing
