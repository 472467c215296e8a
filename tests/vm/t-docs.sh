#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The requests in docs/protocol.md, in the order of the page: each is answered as it says there. And the
# tables in docs/ have what the code has.
# vm: --disk nvme,size=512M --disk nvme,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

page=$SRC/docs/protocol.md
design=$SRC/docs/design.md
PLAIN=1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d # the volumes of the page
SECRET=9f8e7d6c-5b4a-4392-8170-6f5e4d3c2b1a
verbs_run=""

disk() {
	verbs_run+="$1"$'\n'
	"$DRIVER" "$@"
}

# check_request: runs $command, which stands at $line of the page, and compares with $expected.
check_request() {
	local status code=0
	[ -n "$command" ] || return 0
	# Not in a subshell: disk() keeps a list.
	eval "$command" >/tmp/answer 2>&1
	status=$?
	[[ $expected != '{"status":"Failure"'* || $command == *kubernetes.io/secret/* ]] || code=1
	is "line $line: ${command:0:48}" "$(</tmp/answer)" "$expected"
	is "line $line: exit code" $status $code
	command="" expected=""
}

run_page() {
	local text number=0 line=0 inside="" command="" expected=""
	while IFS= read -ru 3 text; do
		number=$((number + 1))
		case $inside$text in
		'```console') inside=yes: ;;
		'yes:```') check_request && inside="" ;;
		'yes:$ '*) check_request && command=${text#'$ '} line=$number ;;
		'yes:> '*) command+=$'\n'${text#'> '} ;;
		yes:*) expected+=${expected:+$'\n'}$text ;;
		esac
	done 3< <(sed "s/$PLAIN/$plain/g; s/$SECRET/$secret/g" "$page")
}

# sorted: words on stdin, one a line.
sorted() {
	tr ' ' '\n' | sed '/^$/d' | sort
}

install_driver false
mkdir -p "$PODS/6f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f/volumes/solodisk~disk"
key=$(grep -om1 '"kubernetes.io/secret/key":"[^"]*' "$page")
base64 -d <<<"${key##*\"}" >/tmp/key && chmod 0600 /tmp/key
plain=$(prepare /dev/nvme0n1 --filesystem xfs)
secret=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key-file /tmp/key)
cd "$DRIVER_DIR" || exit 1
run_page
no_leftovers "after the page nothing is left mounted, mapped, locked or noted"

is "every verb is on the page" "$(sort -u <<<"${verbs_run%$'\n'}")" \
	"$( (sed -nE 's/^\t\{ "([a-z]+)", [0-9].*/\1/p' "$SRC/driver/verbs.c" && echo getvolumename) | sort)"
is "the table of verbs has the front's times" \
	"$(sed -nE 's/^\| \o140([a-z]+)\o140 \| [^|]*\| ([0-9]+) s \|.*/\1 \2000/p' "$page" | sort)" \
	"$(sed -nE 's/^\t\{ "([a-z]+)", ([0-9]+), (true|false) \},/\1 \2/p' "$SRC/driver/front.c" | sort)"
for type in '*' xfs ext4; do
	row=${type/'*'/any}
	is "the mount options for $row" \
		"$(sed -nE "s/^\| $row \| (.*) \|\$/\1/p" "$page" | tr -d '\140' | sorted)" \
		"$(grep -oE "^	\{ \"[^\"]+\", \"[a-z0-9_]+\"" "$SRC/driver/core/mounts_options.c" |
			awk -F'"' -v type="$type" '$2 == type { print $4 }' | sorted)"
done
is "the changes of state" \
	"$(sed -nE '/^## On the disk/,/^## /s/^\| \o140([a-z]+)\o140 \|[^|]*\| ([^|]*) \|.*/\1 \2/p' "$design" | tr -d '\140,' |
		awk '{ for (i = 2; i <= NF; i++) print $1, $i }' | sort)" \
	"$(sed -nE 's/^\t\{ SD_STATE_([A-Z]+), SD_STATE_([A-Z]+) \},/\1 \2/p' "$SRC/driver/core/volume.c" |
		tr '[:upper:]' '[:lower:]' | sort)"
done_testing
