# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # the tests read what is set here
# The driver as kubelet uses it, for guest tests. Source it after lib.sh.

PLUGINS=/usr/libexec/kubernetes/kubelet-plugins/volume/exec
DRIVER_DIR=$PLUGINS/solodisk~disk
DRIVER=$DRIVER_DIR/disk
PODS=/var/lib/kubelet/pods
STAGES=/var/lib/kubelet/plugins/kubernetes.io/flexvolume/solodisk/disk/mounts
KEYS=/etc/solodisk/keys
PATH=$BUILD:$PATH
# Before a path of the node: the path where the driver has it. Stages do not spread: their parent is unbindable.
VIEW=""
[ "${BARE:-}" != 1 ] || VIEW=/bare

# install_driver true|false [MORE-JSON]: the driver directory, with attach mode on or off. With BARE=1 in the
# environment it is the bundle's, in a root without anything else, and $DRIVER goes there.
install_driver() {
	mkdir -p "$DRIVER_DIR" "$PODS" "$(dirname "$STAGES")"
	if [ "${BARE:-}" = 1 ]; then
		bare_root
		bare_mounts
		cp "$BUILD/tests/vm/bare" "$DRIVER"
		ln -sfn "/bare$DRIVER_DIR/.config.json" "$(dirname "$(readlink -f "/bare$DRIVER")")/.worker" "$DRIVER_DIR/"
	else
		cp "$BUILD/disk" "$BUILD/.worker" "$DRIVER_DIR/"
	fi
	printf '{"attach": %s%s}\n' "$1" "${2:+, $2}" >"$DRIVER_DIR/.config.json"
}

# bare_root: /bare with the bundle's driver in kubelet's place and nothing else: no libc, no shell, no /dev.
BUNDLE=$VM_BUILD/bundle
bare_root() {
	mkdir -p /bare
	mountpoint -q /bare || mount -t tmpfs -o mode=755 tmpfs /bare
	mount --make-private /bare
	mkdir -p "/bare$PLUGINS"
	"$BUNDLE/solodisk" install --root /bare --plugin-dir "$PLUGINS" >/dev/null
}

# bare_mounts: what a container with the driver in it is given of the node.
bare_mounts() {
	local dir
	mkdir -p /etc/solodisk /var/lib/kubelet
	for dir in /dev /proc /sys /run /etc/solodisk /var/lib/kubelet; do
		mkdir -p "/bare$dir"
		mount --rbind "$dir" "/bare$dir"
	done
}

# call VERB ARGUMENT...: sets $answer (stdout and stderr together, as kubelet reads them), $status
# (the exit code), $result (the answer's status) and $message. jq takes half a second to start in an
# emulated machine, so the answers are read here and given to jq all at once in the end.
ANSWERS=/tmp/all-answers
call() {
	answer=$("$DRIVER" "$@" 2>&1)
	status=$?
	read_answer
}
read_answer() {
	printf '%s\n' "$answer" >>$ANSWERS
	result="" message=""
	[[ ! $answer =~ ^\{\"status\":\"(Success|Failure|Not\ supported)\" ]] || result=${BASH_REMATCH[1]}
	[[ ! $answer =~ \"message\":\"(.*)\"\}$ ]] || message=${BASH_REMATCH[1]//\\\"/\"}
}

# is_one_answer: $answer is one line, an object whose status is known. See also answers_are_json.
is_one_answer() {
	[[ $answer == \{*\} && $answer != *$'\n'* && -n $result ]]
}

# answers_are_json: every answer so far was one JSON object on one line.
answers_are_json() {
	local lines
	lines=$(wc -l <$ANSWERS)
	is "all $lines answers are one JSON object each, on one line" \
		"$(jq -Rr 'fromjson | select(type == "object") | .status' $ANSWERS | wc -l)" "$lines"
}

# succeeds NAME VERB ARGUMENT...
succeeds() {
	local name=$1
	shift
	call "$@"
	is "$name" "$result:$status" "Success:0" || note "$answer"
}

# fails NAME REGEX VERB ARGUMENT...: a Failure whose message matches, with the right exit code.
fails() {
	local name=$1 regex=$2 code=1
	shift 2
	call "$@"
	[[ "$*" != *kubernetes.io/secret/* ]] || code=0
	if [ "$result:$status" = "Failure:$code" ] && is_one_answer && [[ $message =~ $regex ]]; then
		report ok "$name"
	else
		report "not ok" "$name"
		note "exit $status (expected $code), answer: $answer"
		note "message must match: $regex"
	fi
}

# options ID [KEY=VALUE...]: the JSON that kubelet would pass; "pv" stands for the PV's own name. The
# last value of a key counts.
options() {
	local id=$1 word key json="" separator="{"
	local -A value=()
	local -a keys=()
	shift
	for word in "volumeID=$id" "$@"; do
		[ "$word" != pv ] || word=kubernetes.io/pvOrVolumeName=solodisk.$id
		key=${word%%=*}
		[ -n "${value[$key]+set}" ] || keys+=("$key")
		value[$key]=${word#*=}
	done
	for key in "${keys[@]}"; do
		json+="$separator\"$key\":\"${value[$key]}\""
		separator=,
	done
	printf '%s}' "$json"
}

# luks_options ID KEYFILE [KEY=VALUE...]: with the key in the call's Secret.
luks_options() {
	local id=$1 file=$2
	shift 2
	options "$id" encryption=luks2 key=secret:key \
		"kubernetes.io/secret/key=$(base64 -w0 "$file")" "$@"
}

# new_key NAME: a random key file of the node; prints its path.
new_key() {
	mkdir -p "$KEYS"
	chmod 0700 "$KEYS"
	(umask 077 && head -c 64 /dev/urandom >"$KEYS/$1")
	printf '%s' "$KEYS/$1"
}

# prepare DISK ARGUMENT...: prepares it and prints the volume ID.
prepare() {
	solodisk prepare "$@" --yes --json >/tmp/prepared 2>/tmp/prepare-errors ||
		note "prepare: $(cat /tmp/prepared /tmp/prepare-errors)"
	volume_of "$1"
}

# volume_of DISK, state_of DISK: what its table says, read with another program than ours.
volume_of() {
	local dump
	dump=$(sfdisk --dump "$1" 2>/dev/null)
	[[ ! $dump =~ uuid=([0-9A-F-]+) ]] || printf '%s' "${BASH_REMATCH[1],,}"
}
state_of() {
	local dump
	dump=$(sfdisk --dump "$1" 2>/dev/null)
	[[ ! $dump =~ name=\"solodisk-([a-z]+)- ]] || printf '%s' "${BASH_REMATCH[1]}"
}

# wwid_of NAME: as sysfs has it.
wwid_of() {
	cat "/sys/block/${1#/dev/}/wwid" "/sys/block/${1#/dev/}/device/wwid" 2>/dev/null | head -1
}

# pod N [VOLUME]: a target directory as kubelet names it (its parent exists, it does not).
pod() {
	local dir
	dir=$PODS/$(printf '%08d' "$1")-0000-0000-0000-000000000000/volumes/solodisk~disk
	mkdir -p "$dir"
	printf '%s' "$dir/${2:-data}"
}

# leftovers: what of solodisk is mounted, mapped, locked or noted; empty when all is given back.
leftovers() {
	grep -E 'solodisk~disk|flexvolume/solodisk/disk/mounts/' /proc/self/mountinfo
	cat /sys/block/dm-*/dm/name 2>/dev/null | grep '^solodisk-'
	ls /run/solodisk/volume 2>/dev/null
	held_locks
	pgrep -x .worker
}
held_locks() {
	local inode
	for inode in $(stat -c %i /run/solodisk/lock/* /dev/nvme*n1 /dev/sd? 2>/dev/null); do
		grep -E "FLOCK .*:$inode " /proc/locks
	done
}
no_leftovers() {
	is "${1:-nothing is left mounted, mapped, locked or noted}" "$(leftovers)" ""
}

# digests: of all disks from the outside, to show that a refusal changed no byte.
digests() {
	sync
	vm crc "$@"
}
