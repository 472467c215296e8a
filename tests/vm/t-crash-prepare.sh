#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut at every write of "solodisk prepare" and of the driver's first mount: the same call
# finishes, and no tenant's data is on a disk that is not marked used.
# vm: --disk nvme,name=rec,size=320M,log=rec.log --disk nvme,name=try,size=320M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/vm/crash.sh"

install_driver false
blank=$(requests)
id=$(prepare /dev/nvme0n1 --filesystem xfs)
ready=$(requests)
tenant nvme0n1 1 "$(options "$id" pv)"
used=$(requests)
recorded

crash_trial "prepare is finished by another one" prepare "$blank" "$ready" \
	--words "--filesystem xfs" --damaged
crash_trial "a first mount is finished by another one, and data only comes after it" use \
	"$ready" "$used" --driver "$DRIVER" --target "$(pod 2)" --words "$(options "$id" pv)" \
	--marker "$marker" --damaged
done_testing
