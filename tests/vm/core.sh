# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # the tests read what is set here
# The core's functions in a guest's shell. Source it after lib.sh.

PATH=$BUILD/tests/vm:$PATH
ID=0a1b2c3d-1111-4222-8333-444444444444
NAME=solodisk-0a1b2c3d111142228333444444444444
OTHER_ID=0a1b2c3d-1111-4222-8333-555555555555
OTHER_NAME=solodisk-0a1b2c3d111142228333555555555555

# core WORD...: runs core-tool; its output is in $answer, its exit status in $status.
core() {
	answer=$(core-tool "$@" 2>&1)
	status=$?
}

# does NAME EXPECTED WORD...: the call succeeds and prints exactly this.
does() {
	local name=$1 expected=$2
	shift 2
	core "$@"
	is "$name" "$status:$answer" "0:$expected"
}

# refuses NAME ERROR REGEX WORD...: the call fails with this errno and a text that matches.
refuses() {
	local name=$1 code=$2 regex=$3
	shift 3
	core "$@"
	if [ "$status" = 1 ] && [[ $answer == "$code: "* ]] && [[ $answer =~ $regex ]]; then
		report ok "$name"
	else
		report "not ok" "$name"
		note "exit status $status: $answer"
		note "expected $code and a text like: $regex"
	fi
}

# number NODE: MAJOR:MINOR in decimal.
number() {
	lsblk -dnro MAJ:MIN "$1"
}

new_key() {
	head -c "${2:-32}" /dev/urandom >"$1"
}
