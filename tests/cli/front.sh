#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The front alone, against workers that misbehave (fake_worker.c).
set -u
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
requires "$BUILD/disk"

good='S{"status":"Success"}'
secret='{"kubernetes.io/secret/key":"aHVudGVyMg=="}'
plain='{"volumeID":"5c2f0c5e-0f0b-4c1c-9d5b-6f0f6a3f1b11"}'

# make_driver DIRECTORY: a driver directory of its own, in which files say what the worker does.
make_driver() {
	mkdir -p "$1" && chmod 777 "$1"
	ln "$TMP/disk" "$1/disk"
	ln "$TMP/fake" "$1/.worker"
}
cc -O2 -Wall -D_GNU_SOURCE -static -o "$TMP/fake" "$SRC/tests/cli/fake_worker.c" ||
	{ echo "Bail out! the fake worker does not compile" && exit 1; }
cp "$BUILD/disk" "$TMP/disk"
chmod 755 "$TMP"
drivers=0

# worker CALL [UNDO]: what it does from now on; in a new directory D, because late workers of earlier
# calls may still be about. datagram TEXT: what it and later ones send; printf escapes.
worker() {
	drivers=$((drivers + 1))
	D=$TMP/driver$drivers
	make_driver "$D"
	printf '%s' "$1" >"$D/call"
	printf '%s' "${2:-}" >"$D/undo"
	[ ! -e "$TMP/datagram" ] || cp "$TMP/datagram" "$D/datagram"
}
datagram() {
	# shellcheck disable=SC2059 # escapes are meant
	printf "$1" >"$TMP/datagram"
	[ -z "${D:-}" ] || cp "$TMP/datagram" "$D/datagram"
}

# front ARGUMENT...: runs it, as kubelet does with both streams as one. Sets out, code and ms.
front() {
	local began=${EPOCHREALTIME/./}
	"$D/disk" "$@" </dev/null >"$TMP/out" 2>&1
	code=$?
	ms=$(((${EPOCHREALTIME/./} - began) / 1000))
	out=$(<"$TMP/out")
}

# Exactly one JSON document on exactly one line.
one_line() {
	[ "$(wc -l <"$TMP/out")" = 1 ] && [ "$(tail -c 1 "$TMP/out" | xxd -p)" = 0a ] &&
		[ "$(jq -s length "$TMP/out" 2>&1)" = 1 ]
}

# answered NAME STATUS CODE [MESSAGE]: what the last front answered. MESSAGE: a regular expression.
answered() {
	local status message
	status=$(jq -r .status "$TMP/out" 2>&1)
	message=$(jq -r .message "$TMP/out" 2>&1)
	if one_line && [ "$status" = "$2" ] && [ "$code" = "$3" ] && [[ $message =~ ${4:-} ]] &&
		[[ $out != *aHVudGVyMg* ]]; then
		report ok "$1"
	else
		report "not ok" "$1"
		note "expected $2 with exit code $3 and a message like '${4:-}', got exit code $code and: ${out:0:500}"
	fi
}

kinds() {
	cut -d' ' -f1 "$D/calls" 2>&1 | paste -sd' '
}

# sent NAME WHAT: how the worker's sending ends, at last.
sent() {
	eventually 20 test -s "$D/sent"
	is "$1" "$(cat "$D/sent" 2>&1)" "$2"
}

# In the background from the start, because it takes long: the test's variable only lowers the bound.
make_driver "$TMP/slow"
echo answer 20000 >"$TMP/slow/call"
(
	began=${EPOCHREALTIME/./}
	SD_FRONT_TIMEOUT_MS=60000 "$TMP/slow/disk" unmount /x >"$TMP/slow/out" 2>&1
	echo $(((${EPOCHREALTIME/./} - began) / 1000000)) >"$TMP/slow/seconds"
) &
slow=$!

# --- answers

datagram "$good"
worker answer
front init
answered "a good answer is passed on" Success 0
is "as it is" "$out" '{"status":"Success"}'
is "the request: kind, token, arguments" "$(tr '\0' '\n' <"$D/request" | sed '2s/^[0-9a-f]\{32\}$/token/')" \
	$'call\ntoken\ninit'
first=$(cut -d' ' -f2 "$D/calls")
worker answer
front init
isnt "every call has a token of its own" "$(cut -d' ' -f2 "$D/calls")" "$first"

datagram 'N{"status":"Not supported"}'
front getvolumename "$plain"
answered "Not supported is no failure" "Not supported" 0
front getvolumename "$secret"
answered "Not supported is no failure, with a secret" "Not supported" 0
datagram 'F{"status":"Failure","message":"no such disk"}'
front mount /x "$plain"
answered "Failure without a secret exits with 1" Failure 1 "^no such disk$"
front mount /x "$secret"
answered "Failure with a secret exits with 0" Failure 0 "^no such disk$"

frame='{"status":"Success","message":""}'
big=$(head -c $((65536 - ${#frame})) /dev/zero | tr '\0' x)
datagram "S{\"status\":\"Success\",\"message\":\"$big\"}"
is "the largest answer has 64 KiB" "$(stat -c %s "$D/datagram")" 65537
front init
answered "the largest answer" Success 0
datagram "S{\"status\":\"Success\",\"message\":\"x$big\"}"
front init
answered "one byte more" Failure 1 "makes no sense"

# --- what is no answer

while IFS='|' read -r name text; do
	datagram "$text"
	front init
	answered "no answer: $name" Failure 1 "the worker gave an answer that makes no sense"
	front init "$secret"
	answered "no answer, with a secret: $name" Failure 0 "makes no sense"
done <<'END'
rubbish|hello
one byte|S
not JSON|Shello
an unknown letter|X{"status":"Success"}
a letter that the status contradicts|S{"status":"Failure"}
the other way round|F{"status":"Success"}
no status|S{"message":"ok"}
the status only in a text|S{"message":"\\"status\\":\\"Success\\""}
cut off|S{"status":"Success"
a line feed at the end|S{"status":"Success"}\n
a line feed inside|S{"status":"Success",\n"message":""}
a NUL|S{"status":"Success","message":"\000"}
an escape|S{"status":"Success","message":"\033[1m"}
a DEL|S{"status":"Success","message":"\177"}
END

: >"$D/datagram"
front init
answered "an empty datagram" Failure 1 "without an answer"
datagram "$good"
worker twice
front init
answered "two datagrams" Failure 1 "makes no sense"
worker noise
front init
answered "what a worker writes to stdout or stderr is not seen" Success 0
is "nothing of it" "$out" '{"status":"Success"}'

# --- workers that end

while IFS='|' read -r behaviour text; do
	worker "$behaviour"
	front expandfs "$plain" "" /x 1 2
	answered "$behaviour" Failure 1 "^expandfs: the worker $text; see "
	front unmount "$secret"
	answered "$behaviour, with a secret" Failure 0 "^unmount: the worker $text; see "
	is "$behaviour: no verb but mount and mountdevice is undone" "$(kinds)" "call call"
	for verb in mount mountdevice; do
		worker "$behaviour" answer
		front $verb /x "$secret"
		answered "$behaviour in $verb: undone" Failure 0 "$text; what it had done was undone; see "
		is "$behaviour in $verb: by a second worker" "$(kinds)" "call undo"
		is "with the same token" "$(cut -d' ' -f2 "$D/calls" | uniq | wc -l)" 1
		is "and the same arguments" "$(tr '\0' '\n' <"$D/request" | tail -n +3)" \
			"$(printf '%s\n' $verb /x "$secret")"
	done
done <<'END'
segv|was killed by SIGSEGV
kill|was killed by SIGKILL
abort|was killed by SIGABRT
exit 3|ended with exit status 3 and without an answer
exit 0|ended with exit status 0 and without an answer
END

worker kill kill
front mount /x "$plain"
answered "undoing dies too" Failure 1 "SIGKILL; undoing what it had done failed too; see "
is "and is not tried again" "$(kinds)" "call undo"
datagram 'F{"status":"Failure","message":"cannot undo"}'
worker kill answer
front mount /x "$plain"
answered "undoing fails" Failure 1 "undoing what it had done failed too; see "
unlike "the undo's answer is not shown" "$out" "cannot undo"
datagram "$good"
worker kill "answer 8000"
SD_FRONT_TIMEOUT_MS=2000 front mount /x "$plain"
answered "undoing takes long" Failure 1 "undoing what it had done goes on; see "
datagram hello
worker answer answer
front mount /x "$plain"
answered "rubbish from mount is undone" Failure 1 "makes no sense; undoing what it had done failed too"
is "by a second worker" "$(kinds)" "call undo"
datagram "$good"

worker "close 9000"
front unmount /x
answered "a worker that closes its channel and stays" Failure 1 "closed its channel without an answer"
ok "is waited for a second" test "$ms" -ge 900 -a "$ms" -lt 7000
worker "child 6000"
front unmount /x
answered "a worker that ends while its child holds the channel" Failure 1 "exit status 0"
ok "is not waited for longer" test "$ms" -lt 5000
at_exit "kill $(<"$D/child") 2>/dev/null"
sent "the child's answer does not count any more" EPIPE

# --- workers that cannot be started

rm "$D/.worker"
front mount /x "$secret"
answered "no worker" Failure 0 "^mount: cannot start $D/.worker: No such file"
cp "$TMP/fake" "$D/.worker"
chmod 644 "$D/.worker"
front mount /x "$plain"
answered "a worker that is no program" Failure 1 "cannot start .*: Permission denied"
rm "$D/.worker"
mkdir "$D/.worker"
front init
answered "a directory in its place" Failure 1 "cannot start .*: Permission denied"
rmdir "$D/.worker"
echo nonsense >"$D/.worker"
chmod 755 "$D/.worker"
front init
answered "a text in its place" Failure 1 "cannot start .*: Exec format error"
odd=$TMP/$'a "b" \\c\n\351\303\251'
mkdir "$odd"
cp "$D/disk" "$odd"
"$odd/disk" init >"$TMP/out" 2>&1
code=$?
answered "no worker in a directory with a strange name" Failure 1 "cannot start .*a \"b\" .c"
cp "$TMP/fake" "$D/.worker"

# --- time

worker "answer 4000"
SD_FRONT_TIMEOUT_MS=200 front mount /x "$secret"
answered "mount that takes too long" Failure 0 "^mount: took longer than 0.2 s and is being rolled back"
ok "is answered in time" test "$ms" -ge 200 -a "$ms" -lt 3500
sent "the worker lives on and learns that its answer came too late" EPIPE
is "and is not undone by another" "$(kinds)" call
worker "answer 4000"
SD_FRONT_TIMEOUT_MS=200 front unmount /x
answered "unmount that takes too long" Failure 1 "^unmount: took longer than 0.2 s and goes on in the background"
worker "last-moment 600"
SD_FRONT_TIMEOUT_MS=200 front mount /x "$plain"
answered "an answer in the last moment counts" Success 0
sent "and the worker knows" sent
worker "answer 300"
SD_FRONT_TIMEOUT_MS=nonsense front mount /x "$plain"
answered "a nonsensical bound is none" Success 0

# --- signals

signals=(TERM INT HUP QUIT PIPE) interrupted=() directories=()
for signal in "${signals[@]}"; do
	worker "answer 6000"
	"$D/disk" mount /x "$secret" >"$D/out" 2>&1 &
	interrupted+=($!) directories+=("$D")
done
for i in "${!signals[@]}"; do
	D=${directories[i]}
	ok "the worker runs" eventually 5 test -s "$D/calls"
	kill -"${signals[i]}" "${interrupted[i]}"
	wait "${interrupted[i]}"
	code=$? out=$(<"$D/out")
	cp "$D/out" "$TMP/out"
	answered "SIG${signals[i]} is answered" Failure 0 "^mount: interrupted by SIG${signals[i]}, is being rolled back"
done
for i in "${!signals[@]}"; do
	D=${directories[i]}
	sent "and the worker rolls back" EPIPE
done
for signal in USR1 ALRM TSTP CHLD; do
	worker "answer 300"
	"$D/disk" mount /x "$secret" >"$TMP/out" 2>&1 &
	pid=$!
	eventually 5 test -s "$D/calls"
	kill -$signal $pid
	wait $pid
	code=$? out=$(<"$TMP/out")
	answered "a stray SIG$signal changes nothing" Success 0
done
worker kill
env --ignore-signal=CHLD "$D/disk" unmount /x >"$TMP/out" 2>&1
code=$? out=$(<"$TMP/out")
answered "a caller that ignores SIGCHLD" Failure 1 "was killed by SIGKILL"

# --- requests

pieces=()
for c in a b c d e; do
	pieces+=("$(head -c 122880 /dev/zero | tr '\0' $c)")
done
worker answer
front mount "${pieces[@]}"
answered "a request of 600 KiB" Success 0
printf '%s\0' mount "${pieces[@]}" >"$TMP/expected"
ok "arrives whole" cmp <(tail -c +39 "$D/request") "$TMP/expected"
worker kill answer
front mount "${pieces[@]}"
answered "also when it is undone" Failure 1 "was undone"
ok "whole again" cmp <(tail -c +39 "$D/request") "$TMP/expected"
worker deaf
front mount "${pieces[@]}"
answered "a worker that does not read it" Success 0
worker hang-up
front mount "${pieces[@]}"
answered "a worker that closes its stdin" Success 0
worker answer
front mount "" "" ""
answered "empty arguments" Success 0
ok "arrive" cmp <(tail -c +39 "$D/request") <(printf 'mount\0\0\0\0')
front ""
answered "an empty verb is the worker's affair" Success 0
worker answer
front "--help" x
is "an option with more is, too" "$(kinds)" call
worker answer
front
answered "no argument" Failure 1 "^Usage: "
front --version
answered "--version" Success 0 "^solodisk [0-9]"
front --help
answered "--help" Success 0 "Usage: "
isnt "none of these starts a worker" "$(kinds)" call

# --- secrets

datagram 'F{"status":"Failure","message":"no"}'
while IFS='|' read -r code_expected text; do
	front mount /x "$text"
	answered "secret seen in $text: exit code $code_expected" Failure "$code_expected"
done <<'END'
0|{"kubernetes.io/secret/key":"x"}
0|{"kubernetes.io\/secret\/key":"x"}
0|{"\u006bubernetes.io/secret/key":"x"}
0|{"kubernetes.io\u002fsecret\u002Fkey":"x"}
0|{"\u006B\u0075\u0062\u0065\u0072\u006E\u0065\u0074\u0065\u0073\u002E\u0069\u006F\u002F\u0073\u0065\u0063\u0072\u0065\u0074\u002F":1}
0|{"a":"kubernetes.io/secrkubernetes.io/secret/"}
0|kkubernetes.io/secret/
1|{"kubernetes.io/secrets":"x"}
1|{"kubernetes.io/secret":"x"}
1|{"Kubernetes.io/secret/key":"x"}
1|{"\\u006bubernetes.io/secret/key":"x"}
1|{"kubernetes.io/fsType":"xfs"}
1|kubernetes.io/secret
1|kubernetes.io/secret\
1|\u006
END
front mount kubernetes.io/ secret/
answered "no secret over two arguments" Failure 1
front waitforattach /dev/x x "$secret" x
answered "a secret in any argument" Failure 0
datagram "$good"

worker look
front mount /x "$secret"
answered "a worker that looks around" Success 0
like "argv is gone when the worker runs, but for the program's name" "$(grep '^front' "$D/seen")" \
	"^front $D/disk\.+$"
worker "answer 3000"
"$D/disk" mount /x "$secret" >/dev/null &
pid=$!
eventually 5 test -s "$D/calls"
child=$(pgrep -P $pid)
for p in $pid $child; do
	unlike "no secret in cmdline" "$(tr '\0' ' ' <"/proc/$p/cmdline")" aHVudGVyMg
	unlike "none in environ" "$(tr '\0' ' ' <"/proc/$p/environ")" aHVudGVyMg
	like "no core dump" "$(grep core "/proc/$p/limits")" "size +0 +0 "
done
if [ "$(id -u)" = 0 ]; then
	# shellcheck disable=SC2016 # awk's own
	ok "the request is in memory that no core dump holds" \
		awk '/^[0-9a-f]+-/ { name = $6 } /^VmFlags:.* dd/ && name == "" { found = 1 } END { exit !found }' \
		"/proc/$pid/smaps"
else
	skip "the request is in memory that no core dump holds" "only root sees the front's memory map"
fi
wait $pid

# As a user without rights, since root may look at everything.
as_user=()
[ "$(id -u)" != 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
rm -f "$D"/{calls,request,sent}
"${as_user[@]}" "$D/disk" mount /x "$secret" >/dev/null &
pid=$!
"${as_user[@]}" sleep 60 &
other=$!
eventually 5 test -s "$D/calls"
ok "(a user sees the environment of their own processes)" "${as_user[@]}" cat /proc/$other/environ
not_ok "but not the front's: it is not dumpable" "${as_user[@]}" cat /proc/$pid/environ
not_ok "nor its memory" "${as_user[@]}" dd if=/proc/$pid/mem of=/dev/null bs=1 count=1
is "which is root's" "$(stat -c %u /proc/$pid/environ)" 0
kill $other
wait $pid

# How long the arguments can be seen, from the moment that exec() has returned.
note "cost: $(python3 - "$D/disk" "$secret" <<'END'
import subprocess, sys, time
seen = []
for _ in range(20):
    front = subprocess.Popen([sys.argv[1], "init", sys.argv[2]], stdout=subprocess.DEVNULL)
    began = last = time.perf_counter()
    while time.perf_counter() - began < 0.005:
        with open(f"/proc/{front.pid}/cmdline", "rb") as f:
            if b"aHVudGVyMg" in f.read():
                last = time.perf_counter()
    front.kill()
    front.wait()
    seen.append((last - began) * 1e6)
print(f"arguments can be seen for {sorted(seen)[10]:.0f} us (median), {max(seen):.0f} us (longest of 20)")
END
)"

# --- what a worker inherits

exec 7</dev/null 11</dev/zero
worker look
(umask 022 && cd "$TMP" && SECRET=x env --block-signal=TERM --ignore-signal=HUP "$D/disk" init >/dev/null 2>&1)
exec 7<&- 11<&-
is "exactly two variables" "$(grep ^env "$D/seen" | sort)" \
	$'env LC_ALL=C\nenv PATH=/usr/sbin:/usr/bin:/sbin:/bin'
is "exactly four descriptors" "$(grep ^fd "$D/seen" | sort)" \
	$'fd 0 pipe:\nfd 1 /dev/null\nfd 2 /dev/null\nfd 3 socket:'
is "the rest of its state" "$(grep '^umask\|^cwd\|^leader\|^SigBlk' "$D/seen")" \
	$'umask 077\ncwd /\nleader 1\nSigBlk 0000000000000000'
# 32 and 33 are the C library's own, which its posix_spawn() leaves ignored.
ignored=$((0x$(sed -n 's/^SigIgn //p' "$D/seen")))
is "no signal is ignored" $((ignored & ~0x180000000)) 0

for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
	worker look
	: >"$TMP/out"
	eval "\"$D/disk\" init </dev/null >\"$TMP/out\" 2>&1 $closed"
	code=$?
	is "started with $closed: works" "$code $(grep -c ^fd "$D/seen")" "0 4"
	sent "started with $closed: is answered" sent
	if [[ $closed != *' >&-'* ]] && [[ $closed != '>&-'* ]]; then
		out=$(<"$TMP/out")
		answered "started with $closed: answers" Success 0
	fi
done
worker answer
mkfifo "$TMP/fifo"
true <"$TMP/fifo" &
exec 8>"$TMP/fifo"
wait $!
"$D/disk" init >&8 2>"$TMP/err"
is "a stdout that nobody reads does not kill it" "$? $(<"$TMP/err")" "0 "
exec 8>&-
"$D/disk" init >/dev/full 2>"$TMP/err"
is "nor a full one" "$? $(<"$TMP/err")" "0 "

# --- the long one, and costs

wait $slow
like "the environment cannot raise the bound: unmount is given 8 s" "$(<"$TMP/slow/seconds")" '^([89]|1[0-5])$'
like "and says so" "$(<"$TMP/slow/out")" "took longer than 8 s"

worker answer
note "cost: $(python3 - "$D/disk" <<'END'
import os, sys, time
def median(*argv):
    times = []
    for _ in range(200):
        began = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, {}, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
        os.waitpid(pid, 0)
        times.append(time.perf_counter() - began)
    return sorted(times)[100] * 1000
front, true = median(sys.argv[1], "init"), median("/bin/true")
print(f"init with a static worker {front:.2f} ms, /bin/true {true:.2f} ms (median of 200)")
END
)"
done_testing
