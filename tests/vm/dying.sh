# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # the tests read what is set here, and driver.sh sets some
# Disks that die under writing pods, and the rest of the node, which must not notice. Source it after
# driver.sh. The dying disks are a (XFS), b (XFS in LUKS), c (ext4) and d (ext4 in LUKS); "well" and
# "idle" are a disk with a writing pod and one without, which stay as they are.

DYING="a b c d"
BOUND=8000 # ms: what unmount promises
SLACK=4000 # ms: for starting the programs that measure it, in an emulated machine on a busy host
PODS_RUN=/run/pods
declare -A volume target opts

# prepare_all MORE...: volumes on all six disks and more (XFS), with the options of their mounts.
prepare_all() {
	local name filesystem key disk
	local -a more
	mkdir -p $PODS_RUN
	key=$(new_key tenant)
	for name in $DYING well idle "$@"; do
		disk=$(vm dev $name)
		case $name in c | d | well) filesystem=ext4 ;; *) filesystem=xfs ;; esac
		case $name in b | d) more=(--encrypt luks2 --key file:tenant) ;; *) more=() ;; esac
		volume[$name]=$(prepare "$disk" --filesystem $filesystem "${more[@]}")
		target[$name]=$(pod "$((++pod_number))" "solodisk.${volume[$name]}")
		if [ ${#more[@]} -gt 0 ]; then
			opts[$name]=$(luks_options "${volume[$name]}" "$key" pv wwid="$(identity_of "$disk")")
		else
			opts[$name]=$(options "${volume[$name]}" pv wwid="$(identity_of "$disk")")
		fi
	done
}

# identity_of NODE: its WWID as "solodisk list" has it.
identity_of() {
	[[ ! $(solodisk list --json "$1") =~ \"wwid\":\ *\"([^\"]+)\" ]] || printf '%s' "${BASH_REMATCH[1]}"
}

# kernel_name NAME: of the device that the volume's filesystem lies on.
kernel_name() {
	basename "$(findmnt -nro SOURCE "${target[$1]}" | sed 's/\[.*//' | xargs readlink -f)"
}

# start_pods [--unshare] NAME...: writers, each on the target of its disk, or on a copy of that mount.
start_pods() {
	local name
	local -a pods=() unshare=()
	if [ "$1" = --unshare ]; then
		unshare=(unshare --mount --propagation private)
		shift
	fi
	for name; do
		rm -f $PODS_RUN/$name.*
		pods+=("$name=${target[$name]}")
	done
	"${unshare[@]}" python3 "$SRC/tests/vm/pods.py" $PODS_RUN "${pods[@]}"
	for name; do
		ok "$name: its pod writes" eventually 60 has_written "$name" 3
	done
}

acked() {
	cat "$PODS_RUN/$1.acked" 2>/dev/null || echo 0
}
has_written() {
	[ "$(acked "$1")" -ge "$2" ]
}
has_ended() {
	[ -e "$PODS_RUN/$1.ended" ]
}
stop_pod() {
	kill "$(<"$PODS_RUN/$1.pid")"
	eventually 10 sh -c "! kill -0 $(<"$PODS_RUN/$1.pid") 2>/dev/null"
}

# timed VERB ARGUMENT...: a call, or "list"; sets $elapsed, in ms.
timed() {
	local began=${EPOCHREALTIME/./}
	if [ "$1" = list ]; then
		answer=$(solodisk list --json)
	else
		call "$@"
	fi
	elapsed=$(((${EPOCHREALTIME/./} - began) / 1000))
}

# in_time NAME
in_time() {
	if [ "$elapsed" -le $((BOUND + SLACK)) ]; then
		report ok "$1"
	else
		report "not ok" "$1"
		note "it took $elapsed ms"
	fi
}

# shown NAME: what "solodisk list" says about the disk, from its last answer ($list).
shown() {
	jq -r --arg name "$(basename "$1")" '.disks[] | select(.name == $name) | .note' <<<"$list"
}

# neighbours_are_well NAME: the rest of the node goes on.
neighbours_are_well() {
	local before
	before=$(acked well)
	timed mount "${target[idle]}" "${opts[idle]}"
	is "$1: another volume is mounted" "$result" Success || note "$answer"
	in_time "$1: in time"
	ok "$1: and written to" dd if=/dev/zero of="${target[idle]}/file" bs=64K count=4 conv=fsync status=none
	timed unmount "${target[idle]}"
	is "$1: and unmounted" "$result" Success || note "$answer"
	in_time "$1: in time, too"
	ok "$1: another pod goes on writing" eventually 10 has_written well $((before + 3))
}

# no_trace NAME...: nothing of these volumes is mounted, mapped, locked, noted or running.
no_trace() {
	local name left=""
	for name; do
		left+=$(grep -E "${volume[$name]}" /proc/self/mountinfo)
		left+=$(grep -xs "solodisk-${volume[$name]//-/}" /sys/block/dm-*/dm/name)
		left+=$(ls "/run/solodisk/volume/${volume[$name]}.json" 2>/dev/null)
		left+=$(grep ":$(stat -c %i "/run/solodisk/lock/${volume[$name]}") " /proc/locks)
	done
	is "$*: nothing is left mounted, mapped, locked or noted" "$left" ""
	is "$*: no worker is left" "$(pgrep -x .worker)" ""
}

# all_that_was_acked NAME...: mounted again, the log has every record that was fsynced.
all_that_was_acked() {
	local name last
	for name; do
		succeeds "$name: mount, with what its journal says" mount "${target[$name]}" "${opts[$name]}"
		last=$(tr -d . <"${target[$name]}/log" | tail -1)
		ok "$name: all of the $(acked "$name") fsynced records are there" \
			test "${last:-0}" -ge "$(acked "$name")"
		is "$name: in order" "$(tr -d . <"${target[$name]}/log" | sha256sum)" "$(seq "${last:-0}" | sha256sum)"
	done
}
