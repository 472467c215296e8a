#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk prepare, killed and cut off from power: the disk is blank, in state preparing or ready, and
# the same command finishes it.
# vm: --udev --disk nvme,name=a,size=330M --disk nvme,name=b,size=128M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
PATH=$BUILD:$PATH
KEYS=/etc/solodisk/keys

# volume DISK FIELD: the jq path below .disks[0].
volume() {
	solodisk list --json "$1" | jq -r ".disks[0]$2"
}

# begin_slowly DISK: prepares nvme0n1 in the background on a slow disk, and waits for its table.
begin_slowly() {
	vm throttle a 2000000
	solodisk prepare --filesystem ext4 --yes nvme0n1 >/dev/null 2>&1 &
	pid=$!
	eventually 20 test -e /sys/block/nvme0n1/nvme0n1p1
}

release() {
	solodisk release --yes "$1" >/dev/null || solodisk release --yes --failed "$1" >/dev/null
}

second_boot() {
	like "after the power cut the disk is in preparing" "$(volume nvme0n1 .state)" "preparing"
	ok "the same command goes on" solodisk prepare --filesystem ext4 --yes nvme0n1
	is "and the volume is ready" "$(volume nvme0n1 .state)" ready
	isnt "under a new ID" "$(volume nvme0n1 .volume.id)" "$(<"$STATE/cut-id")"
	ok "its filesystem is sound" e2fsck -fn /dev/nvme0n1p1
	done_testing
	exit
}

[ "$BOOT" -eq 1 ] || second_boot
mkdir -p "$KEYS"
(umask 077 && head -c 64 /dev/urandom >"$KEYS/one")

ok "prepare is at work" begin_slowly
id=$(volume nvme0n1 .volume.id)
kill_tool "$pid"
wait "$pid"
not_ok "mkfs goes on under the disk's lock" flock -n -x /dev/nvme0n1 true
vm throttle a 0
is "after a kill it is in preparing" "$(volume nvme0n1 .state)" preparing
ok "the same command goes on" solodisk prepare --filesystem ext4 --yes nvme0n1
is "it is ready" "$(volume nvme0n1 .state)" ready
isnt "under a new ID" "$(volume nvme0n1 .volume.id)" "$id"
release nvme0n1
left=
for delay in 0.02 0.05 0.1 0.2 0.3 0.5 0.8; do
	solodisk prepare --filesystem xfs --yes nvme0n1 >/dev/null 2>&1 &
	pid=$!
	sleep $delay
	kill_tool "$pid"
	wait "$pid"
	left="$left $(volume nvme0n1 .state)"
	[[ $left != *ready ]] || release nvme0n1
done
note "killed at different times it was:$left"
unlike "killed at any time it is blank, preparing or ready" "$left" "damaged|foreign|unknown"
ok "and the same command finishes it" solodisk prepare --filesystem xfs --yes nvme0n1
is "ready" "$(volume nvme0n1 .state)" ready

export -f kill_tool
ok "killed within LUKS" bash -c '
	vm throttle b 3000000
	{ solodisk prepare --filesystem ext4 --encrypt luks2 --key file:one --yes nvme1n1 & } &&
	for ((i = 0; i < 200; i++)); do
		compgen -G "/sys/block/nvme1n1/nvme1n1p1/holders/*" >/dev/null && break
		sleep 0.1
	done
	kill_tool $!
	vm throttle b 0
	compgen -G "/sys/block/nvme1n1/nvme1n1p1/holders/*" >/dev/null'
ok "the same command closes what was left open, and finishes" \
	solodisk prepare --filesystem ext4 --encrypt luks2 --key file:one --yes nvme1n1
is "nothing is left open" "$(ls /sys/block/nvme1n1/nvme1n1p1/holders)" ""

release nvme0n1
ok "prepare is at work again" begin_slowly
volume nvme0n1 .volume.id >"$STATE/cut-id"
vm power-cut
