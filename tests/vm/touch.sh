# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# "May I touch it?", asked with the commands of the node tool. Source it after lib.sh.

PATH=$BUILD:$PATH

# note_of NODE: sets $state and $shown, what "solodisk list" says of this disk.
note_of() {
	local out
	out=$(solodisk list --json "$1" 2>&1)
	state="" shown=$out
	[[ ! $out =~ \"state\":\ *\"([a-z]+)\" ]] || state=${BASH_REMATCH[1]}
	[[ ! $out =~ \"note\":\ *\"(([^\"\\]|\\.)*)\" ]] || shown=${BASH_REMATCH[1]//\\\"/\"}
}

# wwid_of NODE: as "solodisk list" has it.
wwid_of() {
	[[ ! $(solodisk list --json "$1") =~ \"wwid\":\ *\"([^\"]+)\" ]] || printf '%s' "${BASH_REMATCH[1]}"
}

# crc DISK: of its image, with what is cached.
crc() {
	sync
	vm crc "$1"
}

# refused NAME REGEX DISK [OPTION...]: prepare refuses, says why, list says the same, and no byte of
# the disk is changed.
refused() {
	local name=$1 regex=$2 disk=$3 node before out status reason
	shift 3
	node=$(vm dev "$disk")
	before=$(crc "$disk")
	out=$(solodisk prepare "$node" --filesystem xfs --yes "$@" 2>&1 </dev/null)
	status=$?
	reason=${out#"solodisk: $node: "}
	is "$name: refused" $status 3 || note "$out"
	like "$name: says why" "$reason" "$regex"
	if [ $# -eq 0 ]; then
		note_of "$node"
		if [[ $state =~ ^(foreign|unknown|damaged)$ && $shown == *"$reason" ]]; then
			report ok "$name: list says the same"
		else
			report "not ok" "$name: list says the same"
			note "prepare: $reason"
			note "list: $state: $shown"
		fi
	fi
	is "$name: not a byte changed" "$(crc "$disk")" "$before"
}

# never NAME REGEX DISK: the same, and --force with the disk's own WWID makes no difference.
never() {
	local wwid
	refused "$@"
	wwid=$(wwid_of "$(vm dev "$3")")
	isnt "$1: it has a WWID" "$wwid" ""
	refused "$1, by force" "$2" "$3" --force --wwid "$wwid"
}

# is_blank NAME NODE
is_blank() {
	note_of "$2"
	is "$1" "$state" blank || note "$shown"
}

# wipe NAME NODE: the whole disk becomes zero, which it only does when nobody uses it, and then it is
# free: so it was what lay on it, or who used it, that made the refusal.
wipe() {
	ok "after $1: wiped" blkdiscard -z "$2"
	[ ! -e "$2"1 ] || blockdev --rereadpt "$2"
	is_blank "after $1: blank" "$2"
}

# put NODE OFFSET BYTES: printf's notation.
put() {
	# shellcheck disable=SC2059 # escapes are meant
	printf "$3" | dd of="$1" bs=64K seek="$2" oflag=seek_bytes conv=notrunc,fsync status=none
}
