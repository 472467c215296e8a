#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk erase, killed and cut off from power: the volume stays in state erasing, nobody gets it, and
# the same command finishes it.
# vm: --udev --disk nvme,name=a,size=192M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

# begin_slowly COMMAND...: in the background on a slow disk, until the first of its three parts, which
# takes some ten seconds, is being overwritten. It is told by the log: to read the disk takes as long.
begin_slowly() {
	local before
	before=$(begun)
	vm throttle a 5000000
	"$@" >/dev/null 2>&1 &
	pid=$!
	eventually 60 has_begun "$before" || return
	sleep 2
}
begun() {
	grep -c "is erased: zero" /run/syslog
}
has_begun() {
	[ "$(begun)" -gt "$1" ]
}

second_boot() {
	is "after a power cut it is erasing still" "$(state nvme0n1)" erasing
	ok "the same command goes on" solodisk erase --yes --method zero nvme0n1
	is "ready" "$(state nvme0n1)" ready
	is "the marker is gone" "$(found "$marker" /dev/nvme0n1)" 0
	done_testing
	exit
}

[ "$BOOT" -eq 1 ] || second_boot
install_driver false
plain=$(prepare /dev/nvme0n1 --filesystem ext4)
tenant nvme0n1 7 "$(options "$plain" pv)"
ok "erase is at work" begin_slowly solodisk erase --yes --method zero nvme0n1
kill_tool "$pid"
vm throttle a 0
wait "$pid"
is "after a kill it is erasing still" "$(state nvme0n1)" erasing
fails "and not mounted" "erasing" mount "$(pod 8)" "$(options "$plain" pv)"
refused "nor given back" a "state erasing" solodisk release --yes nvme0n1
ok "the same command goes on" solodisk erase --yes --method zero nvme0n1
is "ready" "$(state nvme0n1)" ready
is "the marker is gone" "$(found "$marker" /dev/nvme0n1)" 0
no_leftovers "nothing is left mounted, mapped, locked or noted"

plain=$(id_of nvme0n1)
tenant nvme0n1 9 "$(options "$plain" pv)"
ok "erase is at work again" begin_slowly solodisk erase --yes --method zero nvme0n1
vm power-cut
