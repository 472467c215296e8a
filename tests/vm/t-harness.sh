#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The harness from the outside: output, exit status, and that no failure of a guest or of a test
# file passes for a success.
#
# runs: on the host
# timeout: 1200
. "$SRC/tests/vm/lib.sh"

guest=$SRC/tests/vm/guest
work=$STATE
export TMPDIR=$work

# shellcheck disable=SC2016 # expanded in the guest
"$guest" --disk nvme,log=writes --keep "$work/kept" --stdin -- bash -c '
	cat; echo error >&2; printf "\0\377 no newline"
	echo written | dd of=/dev/nvme0n1 conv=fsync,sync status=none
	test "$(id -u)" -eq 0 && exit 7' <"$SRC/tests/vm/README.md" >"$work/out" 2>"$work/err"
is "the exit status is the command's" $? 7
(cat "$SRC/tests/vm/README.md" && printf '\0\377 no newline') >"$work/expected"
ok "standard output is exact, byte for byte" cmp "$work/expected" "$work/out"
is "standard error is apart, and only the command's" "$(<"$work/err")" error
ok "the image is kept" grep -qx written <(head -c 8 "$work/kept/nvme0.img")
is "every write is in the log" "$(head -c 7 "$work/kept/writes")" rhswfsj
head -c 3000000 /dev/urandom >"$work/large"
"$guest" --keep "$work/kept" --disk nvme --stdin -- sh -c 'head -c 7 /dev/nvme0n1; cat' \
	<"$work/large" >"$work/out"
is "the kept image is used again" "$(head -c 7 "$work/out")" written
ok "a lot of output, exact" cmp "$work/large" <(tail -c +8 "$work/out")

exits "a guest that panics" 125 "$guest" -- sh -c 'echo c >/proc/sysrq-trigger'
exits "a guest that goes away" 125 "$guest" -- busybox poweroff -f
exits "a guest that takes too long" 124 "$guest" --timeout 6 -- sleep 60
exits "a bad option" 125 "$guest" --disk nvme,colour=red -- true
exits "a real disk is refused" 125 "$guest" --disk nvme,image=/dev/null -- true
exits "a missing command" 127 "$guest" -- no-such-command
is "nothing is left behind" "$(find "$work" -maxdepth 1 -name 'solodisk-vm-*')" ""

# judge NAME STATUS LAST-LINE [STRICT]: the verdict on the test file on standard input.
judge() {
	{
		echo ". \"\$SRC/tests/vm/lib.sh\""
		cat
	} >"$work/t-judged.sh"
	STRICT=${4-} exits "$1" "$2" "$SRC/tests/vm/run-tests" "$work/t-judged.sh"
	is "$1: its count" "$(tail -n 1 "$tests_output")" "$3"
}

judge "a file that passes" 0 "2 passed, 0 failed, 0 skipped" <<'END'
ok "yes" true
not_ok "no" false
done_testing
END
judge "a file with a failure" 1 "1 passed, 2 failed, 0 skipped" <<'END'
ok "yes" false
not_ok "a crash is no refusal" sh -c 'kill -SEGV $$'
is "equal" 1 1
done_testing
END
judge "a file that stops early" 1 "1 passed, 1 failed, 0 skipped" <<'END'
ok "yes" true
exit 0
done_testing
END
judge "a file that tests nothing" 1 "0 passed, 1 failed, 0 skipped" <<'END'
done_testing
END
judge "a skip" 0 "1 passed, 0 failed, 1 skipped" <<'END'
ok "yes" true
skip "no" "because"
done_testing
END
judge "a skip in strict mode" 1 "1 passed, 1 failed, 0 skipped" 1 <<'END'
ok "yes" true
skip "no" "because"
done_testing
END
judge "a guest that dies after its last test" 1 "1 passed, 1 failed, 0 skipped" <<'END'
ok "yes" true
done_testing
busybox reboot -f
END
done_testing
