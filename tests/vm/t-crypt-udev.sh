#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# LUKS2 mappings while systemd-udevd looks at every device, and from a container that it cannot answer.
# vm: --udev --disk nvme,size=64M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/core.sh"

disk=/dev/nvme0n1
key=/tmp/key
new_key $key

does "format" "" format $disk $ID $key pbkdf2
for turn in 1 2 3 4 5; do
	core open $disk $ID $key ssd
	like "open, turn $turn" "$answer" "^opened /dev/dm-"
	ok "udevd made the link" eventually 10 test -L "/dev/mapper/$NAME"
	does "close, turn $turn" "" close $ID
	ok "udevd removed it" eventually 10 test ! -e "/dev/mapper/$NAME"
done

# System V semaphores, by which udevd answers libdevmapper, do not cross IPC namespaces.
ok "open in another IPC namespace does not wait for ever" timeout 60 \
	unshare --ipc core-tool open $disk $ID $key ssd
does "the host sees it as open" "was open /dev/dm-0" open $disk $ID $key ssd
ok "close from there" timeout 60 unshare --ipc core-tool close $ID
does "it is closed" "not open" find $ID $disk
is "no semaphore was left" "$(ipcs -s | grep -c '^0x0d4d')" 0
done_testing
