#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The worker, or the worker and the front, killed at each of the system calls by which mount changes
# something: the front answers Failure, nothing stays at the target, and the same call then succeeds.
# vm: --disk nvme,size=512M --disk nvme,size=512M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
key=$(new_key tenant)
plain=$(prepare /dev/nvme0n1 --filesystem xfs)
secret=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant)
target=$(pod 1)

# killed_at CALL NTH VERB...: the worker gets SIGKILL as it enters that system call for the nth time.
killed_at() {
	local syscall=$1 nth=$2
	shift 2
	answer=$(strace -f -qq -o /dev/null -e trace="$syscall" \
		-e inject="$syscall:signal=SIGKILL:when=$nth" "$DRIVER" "$@" 2>&1)
	status=$?
	read_answer
}

check() {
	local name=$1 opts=$2
	is "$name: kubelet sees no mount at the target" "$(findmnt -nro TARGET "$target")" ""
	succeeds "$name: the same call succeeds" mount "$target" "$opts"
	ok "$name: and the target works" touch "$target/file"
	succeeds "$name: unmount" unmount "$target"
	no_leftovers "$name: nothing is left"
}

for which in plain secret; do
	if [ $which = plain ]; then
		opts=$(options "$plain" pv)
		points="flock:1 flock:2 rename:1 rename:2 rename:3 mount:1 open_tree:1 move_mount:1 sendmsg:1"
	else
		opts=$(luks_options "$secret" "$key" pv)
		points="flock:1 rename:1 rename:2 rename:3 mount:1 ioctl:5 ioctl:9 ioctl:12 move_mount:1 sendmsg:1"
	fi
	for point in $points; do
		killed_at "${point%:*}" "${point#*:}" mount "$target" "$opts"
		if [ "$result" = Success ]; then
			note "$which: mount does not reach $point"
			call unmount "$target"
			continue
		fi
		code=1
		[ $which = plain ] || code=0
		is "$which, killed at $point: Failure" "$result:$status" "Failure:$code" || note "$answer"
		ok "$which, killed at $point: one answer" is_one_answer
		like "$which, killed at $point: it says so" "$message" KILL
		check "$which, killed at $point" "$opts"
	done
done

# unmount after the worker was killed half-way through mount, and nobody mounts again.
killed_at move_mount 1 mount "$target" "$(options "$plain" pv)"
succeeds "unmount after a mount that was killed" unmount "$target"
no_leftovers "nothing is left after it"

# Front and worker killed together (the node is out of memory): the next verb cleans up.
for nth in 1 2 3; do
	strace -f -qq -o /dev/null -e trace=rename -e inject=rename:delay_enter=3000000:when=$nth \
		"$DRIVER" mount "$target" "$(luks_options "$secret" "$key" pv)" >/dev/null 2>&1 &
	eventually 5 pgrep -x .worker >/dev/null
	sleep 1
	pkill -KILL -x strace
	pkill -KILL -x disk
	pkill -KILL -x .worker
	wait 2>/dev/null
	succeeds "all killed (rename $nth): unmount" unmount "$target"
	no_leftovers "all killed (rename $nth): nothing is left"
done

# unmount killed, and repeated.
for point in umount2:1 umount2:2 rename:1 unlink:1; do
	call mount "$target" "$(luks_options "$secret" "$key" pv)"
	killed_at "${point%:*}" "${point#*:}" unmount "$target"
	succeeds "unmount killed at $point: repeated" unmount "$target"
	no_leftovers "unmount killed at $point: nothing is left"
done

# The front's time is up while mount works: Failure, and the worker takes it back by itself; before the
# bind, and after it, when it is about to note that all is done.
for point in move_mount:1 rename:3; do
	answer=$(SD_FRONT_TIMEOUT_MS=6000 strace -f -qq -o /dev/null -e trace="${point%:*}" \
		-e inject="${point%:*}:delay_enter=9000000:when=${point#*:}" \
		"$DRIVER" mount "$target" "$(options "$plain" pv)" 2>&1)
	read_answer
	is "a mount that takes too long at $point is a Failure" "$result" Failure
	like "and says so" "$message" "took longer than 6 s and is being rolled back"
	ok "its worker ends" eventually 30 sh -c '! pgrep -x .worker'
	is "and has taken the mount back" "$(findmnt -nro TARGET "$target")" ""
	no_leftovers "nothing is left of the late mount"
done
succeeds "the next mount works" mount "$target" "$(options "$plain" pv)"
succeeds "unmount" unmount "$target"

# mountdevice, killed when it has mounted the stage.
install_driver true
stage=$STAGES/solodisk.$plain
killed_at rename 3 mountdevice "$stage" /dev/nvme0n1p1 "$(options "$plain" pv)"
is "mountdevice killed at rename:3: Failure" "$result:$status" "Failure:1"
not_ok "its stage is taken back" mountpoint -q "$stage"
no_leftovers "nothing is left of it"
succeeds "the same mountdevice succeeds" mountdevice "$stage" /dev/nvme0n1p1 "$(options "$plain" pv)"
succeeds "unmountdevice" unmountdevice "$stage"

# Removing the front's other half: an executable worker that is no worker.
printf '#!/bin/sh\nexit 0\n' >"$DRIVER_DIR/.worker"
call mount "$target" "$(options "$plain" pv)"
is "a worker that does nothing is a Failure" "$result" Failure
answers_are_json
done_testing
