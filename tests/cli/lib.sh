# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What tests of the command line share. A test file sources this first and calls done_testing last:
#
#	. "$(dirname "$0")/lib.sh"
#
# The assertions are those of the guest's tests. TMP is a directory of the file's own, BUILD the build
# directory (B in the environment, as in the Makefile; default build), SRC the source tree.

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # for the tests
BUILD=$(cd "$SRC" && realpath -m "${B:-build}")
TMP=$(mktemp -d "${TMPDIR:-/tmp}/solodisk-cli.XXXXXX")
# shellcheck disable=SC2034 # where the assertions keep their count
STATE=$TMP
export LC_ALL=C

# at_exit COMMAND: run when the file ends, in whatever way.
cleanups=()
at_exit() {
	cleanups+=("$1")
}

clean_up() {
	local status=$? command
	for command in "${cleanups[@]}"; do
		eval "$command"
	done
	rm -rf "$TMP"
	exit $status
}
trap clean_up EXIT

# shellcheck source=tests/vm/lib.sh
. "$SRC/tests/vm/lib.sh"

# requires FILE...: what must have been built. Not a skip: a test that has nothing to test has failed.
requires() {
	local file
	for file in "$@"; do
		[ -e "$file" ] || { echo "Bail out! $file is missing: run make first" && exit 1; }
	done
}
