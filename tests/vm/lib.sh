# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Assertions for tests that run in the guest. A test file sources this first:
#
#	. "$SRC/tests/vm/lib.sh"
#
# and calls done_testing last: without it, the file has failed. The count goes on over boots.

tests_file=$STATE/.tests
tests_run=0
[ -e "$tests_file" ] && tests_run=$(<"$tests_file")
tests_output=$(mktemp)

# report "ok|not ok" NAME
report() {
	tests_run=$((tests_run + 1))
	echo "$tests_run" >"$tests_file"
	printf '%s %d - %s\n' "$1" "$tests_run" "$2"
	[ "$1" = ok ]
}

# note TEXT...: a comment in the output.
note() {
	local text="$*"
	printf '# %s\n' "${text//$'\n'/$'\n# '}"
}

show_output() {
	note "$1"
	sed 's/^/#   /' "$tests_output"
}

# ok NAME COMMAND...: the command succeeds. It runs in this shell, so that it may set variables.
ok() {
	local name=$1 status
	shift
	"$@" >"$tests_output" 2>&1
	status=$?
	if [ $status -eq 0 ]; then
		report ok "$name"
	else
		report "not ok" "$name"
		show_output "exit status $status from: $*"
		return 1
	fi
}

# not_ok NAME COMMAND...: the command fails. A crash or a missing command is not a failure to
# expect.
not_ok() {
	exits "$1" 1-123 "${@:2}"
}

# exits NAME STATUS|FIRST-LAST COMMAND...: the command's exit status is in this range.
exits() {
	local name=$1 first=${2%-*} last=${2#*-} status
	shift 2
	"$@" >"$tests_output" 2>&1
	status=$?
	if [ $status -ge "$first" ] && [ $status -le "$last" ]; then
		report ok "$name"
	else
		report "not ok" "$name"
		show_output "exit status $status, expected $first-$last, from: $*"
		return 1
	fi
}

# is NAME GOT EXPECTED
is() {
	if [ "$2" = "$3" ]; then
		report ok "$1"
	else
		report "not ok" "$1"
		note "     got: $2"
		note "expected: $3"
		return 1
	fi
}

# isnt NAME GOT UNEXPECTED
isnt() {
	if [ "$2" != "$3" ]; then
		report ok "$1"
	else
		report "not ok" "$1"
		note "got just what it must not be: $2"
		return 1
	fi
}

# like NAME GOT REGEX: an extended regular expression.
like() {
	if [[ $2 =~ $3 ]]; then
		report ok "$1"
	else
		report "not ok" "$1"
		note "       got: $2"
		note "must match: $3"
		return 1
	fi
}

# unlike NAME GOT REGEX
unlike() {
	if [[ ! $2 =~ $3 ]]; then
		report ok "$1"
	else
		report "not ok" "$1"
		note "           got: $2"
		note "must not match: $3"
		return 1
	fi
}

# skip NAME REASON: counts as a failure when STRICT=1 (the runner sees to that).
skip() {
	report ok "$1 # SKIP $2"
}

# eventually SECONDS COMMAND...: until the command succeeds.
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# kill_tool PID: a command of the node tool, with the process that it has for each disk, but not their mkfs.
kill_tool() {
	# shellcheck disable=SC2046 # numbers
	kill -9 "$1" $(pgrep -P "$1") 2>/dev/null
}

# done_testing: the last line of every test file.
done_testing() {
	printf '1..%d\n' "$tests_run"
	rm -f "$tests_output"
}
