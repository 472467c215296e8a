# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # the tests read what is set here, and driver.sh sets some
# Faults in chosen steps of the node tool's work. Source it after driver.sh.

# mkfs.xfs is a script here, which can do something after the real one, or while it is at work.
mv /usr/sbin/mkfs.xfs /usr/sbin/mkfs.xfs.real
cat >/usr/sbin/mkfs.xfs <<'END'
#!/bin/bash
PATH=/usr/local/bin:$PATH
[ ! -e /run/during-mkfs ] || vm throttle a 1000000 # so that it is at work still
mkfs.xfs.real "$@" <&0 & # else its input were /dev/null
if [ -e /run/during-mkfs ]; then
	sleep 1
	. /run/during-mkfs >/run/mkfs-log 2>&1
	rm /run/during-mkfs
fi
wait $!
status=$?
if [ -e /run/after-mkfs ]; then
	. /run/after-mkfs >/run/mkfs-log 2>&1
	rm /run/after-mkfs
fi
exit $status
END
chmod +x /usr/sbin/mkfs.xfs

after_mkfs() {
	echo "$1" >/run/after-mkfs
}
during_mkfs() {
	printf '%s\nvm throttle a 0\n' "$1" >/run/during-mkfs
}

# list_note DISK: what list says of it.
list_note() {
	local out
	out=$(solodisk list --json "$1" 2>&1)
	[[ ! $out =~ \"note\":\ *\"(([^\"\\]|\\.)*)\" ]] || printf '%s' "${BASH_REMATCH[1]}"
}

# free NAME: the disk becomes blank again.
free() {
	local node
	node=$(vm dev "$1")
	solodisk release --yes "$node" >/dev/null 2>&1 || solodisk release --yes --failed "$node" >/dev/null 2>&1 ||
		blkdiscard -z -f "$node"
	blkdiscard -z "$node"
	blockdev --rereadpt "$node" 2>/dev/null
}

# used FILESYSTEM ARGUMENT...: disk b becomes a volume in state used.
used() {
	local id target opts
	free b
	id=$(prepare /dev/sdb --filesystem "$@")
	target=$(pod 1)
	opts=$(options "$id")
	[ $# -eq 1 ] || opts=$(luks_options "$id" "$key")
	call mount "$target" "$opts"
	is "a tenant" "$result" Success || note "$answer"
	call unmount "$target"
}

# begin COMMAND...: in the background, until it is overwriting; sets $pid.
begin() {
	"$@" >/tmp/begun 2>&1 &
	pid=$!
	eventually 20 grep -q " $(volume_of /dev/sdb), .*is erased" /run/syslog || return
	sleep 1
}

# ends NAME STATUS STATE DISK REGEX FAULT COMMAND...: with this fault the command ends with that status,
# says why, leaves nothing, and the disk is then in that state ("": whatever), for which list gives the
# same reason. Then the disk is well again.
ends() {
	local name=$1 status=$2 state=$3 disk=$4 regex=$5 fault=$6 out node
	shift 6
	node=$(vm dev "$disk")
	: >/run/syslog
	$fault
	out=$("$@" 2>&1 </dev/null)
	is "$name fails: exit status" $? "$status"
	like "$name fails: it says why" "$out" "$regex"
	note "$out"
	vm errors "$disk" off
	no_leftovers "$name fails: nothing is left"
	is "$name fails: no child is left" "$(pgrep -f '^(/bin/bash )?(/usr/sbin/)?mkfs')" ""
	[ -n "$state" ] || return
	is "$name fails: the state" "$(state_of "$node")" "$state"
	if [ "$state" = failed ]; then
		like "$name fails: list has the reason" "$(list_note "$node")" "$regex"
		like "$name fails: so has the log" "$(cat /run/syslog)" "$regex"
		free "$disk"
	fi
}

# gone NAME DISK COMMAND...: the disk vanishes, the command ends with an error and leaves nothing.
gone() {
	local name=$1 disk=$2 out
	shift 2
	out=$(timeout 60 "$@" 2>&1 </dev/null)
	is "the disk vanishes during $name: exit status" $? 1
	note "$out"
	like "the disk vanishes during $name: it says so" "$out" "failed|cannot|gone|not there"
	not_ok "the disk vanishes during $name: it is gone" vm dev "$disk"
	no_leftovers "the disk vanishes during $name: nothing is left"
	is "the disk vanishes during $name: no child is left" "$(pgrep -f '^(/bin/bash )?(/usr/sbin/)?mkfs')" ""
}
