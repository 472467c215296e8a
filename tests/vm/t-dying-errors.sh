#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Four disks that begin to fail all I/O under their pods, XFS and ext4, plain and encrypted: unmount
# answers in time, nothing is left, the other volumes do not notice, and what was fsynced is there when
# the disks are well again.
#
# vm: --disk scsi,name=a,size=400M --disk scsi,name=b,size=400M --disk scsi,name=c,size=400M --disk scsi,name=d,size=400M
# vm: --disk nvme,name=well,size=400M --disk nvme,name=idle,size=400M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/dying.sh"

install_driver false
prepare_all
for name in $DYING well; do
	succeeds "$name: mount" mount "${target[$name]}" "${opts[$name]}"
done
for name in a b; do
	errors=/sys/fs/xfs/$(kernel_name $name)/error
	is "$name: XFS gives up at once" "$(cat "$errors"/metadata/{EIO,ENODEV,default}/max_retries \
		"$errors/fail_at_unmount" | xargs)" "0 0 0 1"
done
like "b: the name is that of the mapping" "$(kernel_name b)" "^dm-"
for name in c d; do
	ok "$name: ext4 becomes read-only" grep -x errors=remount-ro "/proc/fs/ext4/$(kernel_name $name)/options"
done

start_pods $DYING well
for name in $DYING; do
	vm errors $name on
done
for name in $DYING; do
	ok "$name: its pod is told" eventually 60 has_ended $name
	note "$(cat $PODS_RUN/$name.ended) after $(acked $name) records"
done
timed list
list=$answer
for name in $DYING; do
	like "$name: list says what is wrong" "$(shown "$(vm dev $name)")" "cannot read|could not be read"
	note "$(shown "$(vm dev $name)")"
done
neighbours_are_well "while four disks fail"
for name in $DYING; do
	timed unmount "${target[$name]}"
	is "$name: unmount" "$result" Success || note "$answer"
	in_time "$name: in time"
	note "$elapsed ms"
done
no_trace $DYING
for name in $DYING; do
	fails "$name: mount, while it fails" "read|I/O|Input/output" mount "${target[$name]}" "${opts[$name]}"
	note "$message"
done
no_trace $DYING
for name in $DYING; do
	vm errors $name off
done
all_that_was_acked $DYING

# Pulled out.
start_pods $DYING
for name in $DYING; do
	vm unplug --surprise $name
done
for name in $DYING; do
	ok "$name: its pod is told that the disk was pulled" eventually 60 has_ended $name
	note "$(cat $PODS_RUN/$name.ended) after $(acked $name) records"
done
timed list
list=$answer
for name in a c; do
	unlike "$name: list no longer shows it" "$list" "${volume[$name]}"
done
for name in b d; do
	like "$name: list tells of its mapping, which is dead" "$list" "deadMappings.*${volume[$name]}"
done
neighbours_are_well "while four disks are out"
for name in $DYING; do
	timed unmount "${target[$name]}"
	is "$name: unmount" "$result" Success || note "$answer"
	in_time "$name: in time"
	note "$elapsed ms"
done
no_trace $DYING
for name in $DYING; do
	fails "$name: mount, while it is out" "no disk with the WWID" mount "${target[$name]}" "${opts[$name]}"
done
no_trace $DYING
for name in $DYING; do
	vm plug $name
done
all_that_was_acked $DYING
for name in $DYING; do
	succeeds "$name: unmount" unmount "${target[$name]}"
done
stop_pod well
succeeds "well: unmount" unmount "${target[well]}"
no_leftovers
answers_are_json
done_testing
