#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk erase, killed, told to stop, and cut off from power: the volume stays in state erasing, nobody
# gets it, and the same command goes on where it was, without a word more than the first time.
# vm: --udev --disk nvme,name=a,size=192M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

disk=nvme0n1
size=$((190 << 20)) # of the partition
log=/var/lib/solodisk/erase.log

# noted: how many bytes the disk's note says are done, read past all programs; empty without one.
noted() {
	dd if=/dev/$disk bs=4096 skip=128 count=2 iflag=direct status=none |
		grep -aoE '"done":[0-9]+' | sort -t: -k2n | tail -n 1 | cut -d: -f2
}
has_done() {
	[ "$(noted)" -gt "$1" ] 2>/dev/null
}
# written: bytes that were written to the disk since it is there, zeroing included.
written() {
	local fields
	read -ra fields <"/sys/block/$disk/stat"
	echo $((fields[6] * 512))
}

# begin_slowly BYTES: an erase in the background on a slow disk, until more than that is noted as done.
begin_slowly() {
	vm throttle a 12000000
	# the shell lets what is in the background ignore SIGINT
	env --default-signal=INT solodisk erase --yes $disk >/tmp/out 2>&1 &
	pid=$!
	eventually 90 has_done "$1"
}
# ended: it is over, its child too, and the disk at its speed again.
ended() {
	vm throttle a 0
	wait "$pid"
	code=$?
	eventually 30 none_runs
}
none_runs() {
	! pgrep -x solodisk >/dev/null
}
# stopped: as it was left.
stopped() {
	from=$(noted)
	is "after $1 it is erasing still" "$(state_of /dev/$disk)" erasing
}
# went_on: the last command wrote what was left, not everything. A half is for what mkfs writes.
went_on() {
	note "$from of $size bytes were done before; $1 were written now"
	ok "it did not start over" test "$1" -lt $((size - from / 2))
}

second_boot() {
	local before
	stopped "a power cut"
	ok "the note has not gone back" test "$from" -gt "$(cat "$STATE/from")"
	# A disk that does not keep its zeros: what was erased is not empty any more.
	dd if=/dev/urandom of=/dev/${disk}p1 bs=1M seek=20 count=1 oflag=direct status=none
	before=$(written)
	exits "the same command goes on, and finds what is still there" 1 \
		bash -c "solodisk erase --yes $disk >/tmp/out 2>&1"
	went_on $(($(written) - before))
	like "it says so" "$(cat /tmp/out)" "does not keep what is written"
	is "failed" "$(state_of /dev/$disk)" failed
	like "list says when and why" "$(solodisk list $disk | cat)" \
		"failed at 20[0-9TZ:-]+: verify: the disk does not keep .*byte [0-9]+"
	ok "erase takes it up again, from the beginning" \
		bash -c "solodisk erase --yes --json $disk >/tmp/json"
	is "ready" "$(state_of /dev/$disk)" ready
	is "the marker is gone" "$(found "$marker" /dev/$disk)" 0
	is "the record of this boot" "$(jq -r '.result, .resumed, .verified.as' $log | xargs)" \
		"failed true null done false zeros"
	done_testing
	exit
}

[ "$BOOT" -eq 1 ] || second_boot
install_driver false
plain=$(prepare /dev/$disk --filesystem ext4)
tenant $disk 7 "$(options "$plain" pv)"
ok "erase is at work" begin_slowly 50000000
pkill -9 -x solodisk
ended
stopped "a kill"
like "list says how far it is" "$(solodisk list $disk | cat)" "zero, begun 20.*, [2-9][0-9]% done"
fails "it is not mounted" "erasing" mount "$(pod 8)" "$(options "$plain" pv)"
refused "nor given back" a "state erasing" solodisk release --yes $disk
before=$(written)
ok "the same command goes on" bash -c "solodisk erase --yes --json $disk >/tmp/json"
went_on $(($(written) - before))
is "ready" "$(state_of /dev/$disk)" ready
is "the marker is gone" "$(found "$marker" /dev/$disk)" 0
is "the record says where it went on" "$(jq -r '.resumed, .from, .result' $log | xargs)" \
	"true $from done"
no_leftovers "nothing is left mounted, mapped, locked or noted"

plain=$(id_of $disk)
tenant $disk 9 "$(options "$plain" pv)"
ok "erase is at work again" begin_slowly 0
kill -INT "$pid"
ended
stopped "SIGINT"
is "its exit status" "$code" 1
like "it says that it goes on" "$(cat /tmp/out)" "cancelled.*the same command goes on"
ok "what was done is noted" test "$from" -ge $((16 << 20))
like "and said" "$(cat /tmp/out)" "$((from * 100 / size))% of it"
no_leftovers "nothing is left locked"
# Now nothing on it tells any more what it was.
dd if=/dev/zero of=/dev/${disk}p1 bs=1M count=1 oflag=direct status=none
ok "the same command again, the head gone" begin_slowly "$from"
kill -TERM "$pid"
ended
stopped "SIGTERM"
is "its exit status too" "$code" 1
ok "once more" begin_slowly "$from"
echo "$from" >"$STATE/from"
vm power-cut
