#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# No secret in /proc/PID/cmdline, in syslog, in an answer, in a core; a Failure with one exits 0.
# vm: --disk nvme,size=512M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
printf 'MARKER-c0ffee-%050d' 7 >/tmp/marker # 64 bytes, easy to find
mkdir -p "$KEYS" && install -m 0400 /tmp/marker "$KEYS/marker"
id=$(prepare /dev/nvme0n1 --filesystem xfs --encrypt luks2 --key file:marker)
plain_marker=MARKER-c0ffee
encoded=$(base64 -w0 /tmp/marker)
opts=$(luks_options "$id" /tmp/marker pv)
target=$(pod 1)
mkdir /tmp/cores
echo '/tmp/cores/core.%p' >/proc/sys/kernel/core_pattern
ulimit -c unlimited
call mount "$target" "$opts"
is "mount with the key" "$result" Success
call unmount "$target"

# Every failure that had a secret exits 0.
for broken in wwid=eui.ffff unknown=option kubernetes.io/fsType=ext4 key=secret:none encryption=aes \
	volumeID=x mountOptions=dev kubernetes.io/pvOrVolumeName=inline; do
	call mount "$target" "$(luks_options "$id" /tmp/marker pv "$broken")"
	is "$broken: Failure with exit 0" "$result:$status" "Failure:0"
done
call mount "$target" "${opts%\}}"
is "broken JSON with a secret: exit 0" "$result:$status" "Failure:0"
call mount "$target" "${opts//\//\\/}" extra
is "too many arguments, escaped slashes: exit 0" "$result:$status" "Failure:0"
call mount "$target" "${opts//kubernetes.io/kubernetes\\u002eio}x"
is "a unicode escape hides nothing: exit 0" "$result:$status" "Failure:0"
call nosuchverb "$opts"
is "unknown verb: Not supported, exit 0" "$result:$status" "Not supported:0"
new_key wrong >/dev/null
call mount "$target" "$(luks_options "$id" "$KEYS/wrong" pv)"
is "wrong key: exit 0" "$result:$status" "Failure:0"

# SIGKILL and SIGSEGV of the worker, with the secret in its memory.
for signal in SIGKILL SIGSEGV SIGABRT; do
	answer=$(strace -f -qq -o /dev/null -e trace=mount -e inject=mount:signal=$signal \
		"$DRIVER" mount "$target" "$opts" 2>&1)
	status=$?
	read_answer
	is "$signal of the worker: Failure with exit 0" "$result:$status" "Failure:0"
	ok "$signal: one answer" is_one_answer
done
is "no core file was written" "$(ls /tmp/cores)" ""
bash -c 'kill -SEGV $BASHPID' # another program's core shows that one would be seen
is "though they are written here" "$(find /tmp/cores -type f | wc -l)" 1

# The command line of every process of the call, sampled while it sleeps in mount.
strace -f -qq -o /dev/null -e trace=mount -e inject=mount:delay_enter=6000000 \
	"$DRIVER" mount "$target" "$opts" >>$ANSWERS 2>&1 &
eventually 5 pgrep -x .worker >/dev/null
sleep 2
seen=
for process in disk .worker; do
	for pid in $(pgrep -x $process); do
		seen+="$process "
		mapfile -d '' words <"/proc/$pid/cmdline"
		mapfile -d '' variables <"/proc/$pid/environ"
		limits=$(<"/proc/$pid/limits")
		unlike "$process: no secret in its command line" "${words[*]}" "${encoded:0:40}"
		unlike "$process: nor in its environment" "${variables[*]}" "${encoded:0:40}"
		like "$process: it may not dump core" "$limits" "Max core file size +0 +0"
	done
done
is "both processes were seen" "$seen" "disk .worker "
wait
call unmount "$target"

# As fast as can be: new calls' command lines, read again and again, a millisecond after their start
# and later. No process is started for a look, so that there are many.
looks=0 seen=0 again=0 hidden_calls=0
for _ in 1 2 3 4 5 6 7 8; do
	"$DRIVER" mount "$target" "$(luks_options "$id" /tmp/marker pv wwid=none)" >/dev/null 2>&1 &
	pid=$!
	hidden=
	while mapfile -d '' words <"/proc/$pid/cmdline" && [ ${#words[@]} -gt 0 ]; do
		[[ ${words[0]} == "$DRIVER" ]] || continue # the child is bash until it is ours
		looks=$((looks + 1))
		if [[ ${words[*]} != *"${encoded:0:40}"* ]]; then
			hidden=yes
		elif [ -z "$hidden" ]; then
			seen=$((seen + 1))
		else
			again=$((again + 1))
		fi
	done 2>/dev/null
	[ -z "$hidden" ] || hidden_calls=$((hidden_calls + 1))
	wait $pid
done
# How long the moment between exec and the front's first instructions is, is the emulator's affair.
note "$looks looks, the key in $seen of them"
# Nor whether a look falls between that and the call's end.
note "out of sight in $hidden_calls calls of 8"
ok "the key was out of sight in calls that were looked at long enough" test $hidden_calls -gt 0
is "and did not come back" $again 0

for where in /run/syslog $ANSWERS; do
	is "no key in $where" "$(grep -ac "$plain_marker" "$where")" 0
	is "nor in base64" "$(grep -acF "${encoded:0:40}" "$where")" 0
done
ok "and there was something in syslog to search" test -s /run/syslog
is "no key in any file of the node" \
	"$(grep -rlaF "$plain_marker" /run /var/lib/kubelet "$DRIVER_DIR" 2>/dev/null)" ""
call unmount "$target"
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
