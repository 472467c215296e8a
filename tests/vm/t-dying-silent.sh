#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Four disks that stop answering under their pods, XFS and ext4, plain and encrypted: unmount answers in
# time, although nothing that waits for them can be killed; the other volumes do not notice; when the
# disks answer again, nothing is left and what was fsynced is there. virtio has no timeout of its own.
#
# vm: --disk virtio,name=a,size=400M --disk virtio,name=b,size=400M --disk virtio,name=c,size=400M --disk virtio,name=d,size=400M
# vm: --disk nvme,name=well,size=400M --disk nvme,name=idle,size=400M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/dying.sh"

# waits_for_ever NAME: requests of its pod are in the disk, and none comes back.
waits_for_ever() {
	local disk waiting=0
	disk=$(basename "$(vm dev "$1")")
	read -r _ waiting <"/sys/block/$disk/inflight"
	[ "$waiting" -gt 0 ] && [ "$(sed 's/.*) //; s/ .*//' "/proc/$(<"$PODS_RUN/$1.pid")/stat")" = D ]
}
no_worker() {
	! pgrep -x .worker >/dev/null
}
# unmounts_late NAME: as kubelet, which calls again and again.
unmounts_late() {
	call unmount "${target[$1]}"
	[ "$result" = Success ]
}
all_answer_again() {
	local name
	for name in $DYING; do
		vm hang $name off
	done
}

install_driver false
prepare_all
for name in $DYING well; do
	succeeds "$name: mount" mount "${target[$name]}" "${opts[$name]}"
done

# Under pods that write: two in the node's own mount namespace, two in one of theirs, as containers are.
start_pods a b well
start_pods --unshare c d
for name in $DYING; do
	vm hang $name on
done
for name in $DYING; do
	ok "$name: its pod waits" eventually 60 waits_for_ever $name
	kill -KILL "$(<$PODS_RUN/$name.pid)" # as kubelet would, to no avail
done
timed list
list=$answer
for name in $DYING; do
	like "$name: list says that it does not answer" "$(shown "$(vm dev $name)")" "does not answer"
done
for name in $DYING; do
	timed unmount "${target[$name]}"
	# Of a container's own copy of the mount nothing is seen from here, but its mapping stays open.
	[ $name = c ] && expected=Success || expected=Failure
	is "$name: unmount" "$result" $expected || note "$answer"
	in_time "$name: in time"
	note "$elapsed ms: $message"
done
neighbours_are_well "while four disks are silent"
for name in $DYING; do
	ok "$name: its pod waits still" waits_for_ever $name
done
all_answer_again
for name in $DYING; do
	ok "$name: unmounted when it answers again" eventually 60 unmounts_late $name || note "$answer"
done
ok "no worker is left" eventually 30 no_worker
no_trace $DYING
all_that_was_acked $DYING

# With nothing but writes that the kernel has yet to make: then it is unmounting that waits.
for name in a d; do
	dd if=/dev/zero of="${target[$name]}/file" bs=64K count=16 status=none
	vm hang $name on
done
for name in a d; do
	timed unmount "${target[$name]}"
	is "$name: unmount, which waits itself, is a Failure" "$result" Failure || note "$answer"
	in_time "$name: in time"
	note "$elapsed ms"
	like "$name: it says why" "$message" "took longer than 8 s and goes on in the background"
	timed unmount "${target[$name]}"
	is "$name: another one, too" "$result" Failure || note "$answer"
	in_time "$name: in time"
	note "$elapsed ms: $message"
	like "$name: it names the one that waits" "$message" "\.worker|process [0-9]+"
done
neighbours_are_well "while unmounting waits"
all_answer_again
for name in $DYING; do
	ok "$name: unmounted" eventually 60 unmounts_late $name || note "$answer"
done
stop_pod well
succeeds "well: unmount" unmount "${target[well]}"
ok "no worker is left in the end" eventually 30 no_worker
no_leftovers
answers_are_json
done_testing
