#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# After every verb and every command that takes a key, in success and in failure, nothing of it is left: the
# guest's whole memory is searched from outside, in plain and in base64. Logs, records, answers and
# every other written file are in that memory too, since the guest's root is a tmpfs. The kernel
# wipes what is freed, so what is found was left by somebody on purpose. The disks are searched last.
# vm: --disk nvme,size=400M --disk nvme,size=400M --disk virtio,size=64M --disk scsi,size=64M --memory 768
# vm: --append init_on_free=1
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
PATH=$BUILD/tests/vm:$PATH

# Key files lie on a disk, so that dropping the caches takes their copies away.
mkdir -p $KEYS
mkfs.ext4 -q /dev/vda && mount /dev/vda $KEYS && chmod 0700 $KEYS
marker 7 write $KEYS/marker
marker 8 write $KEYS/new
marker 9 write $KEYS/wrong
read -ra patterns <<<"$(marker 7 patterns; marker 8 patterns; marker 9 patterns)"
none=$(printf '0 %.0s' "${patterns[@]}")

marker 8 write $KEYS/open && chmod 0644 $KEYS/open

# nothing_of_it NAME
nothing_of_it() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	is "$1: nothing of a key is in memory" "$(vm memory-has --hex "${patterns[@]}") " "$none"
}

# with_key SEED VERB ARGUMENT...: a call, with @BASE64@ replaced; as call() in driver.sh.
with_key() {
	answer=$(marker "$1" run "$DRIVER" "${@:2}" 2>&1)
	status=$?
	read_answer
}

# tool SEED ARGUMENT...: the node tool, with the key on its standard input.
tool() {
	marker "$1" pipe "$BUILD/solodisk" "${@:2}"
}

# expect NAME STATUS SEED VERB ARGUMENT...
expect() {
	with_key "${@:3}"
	is "$1" "$result:$status" "$2:0" || note "$answer"
}

# killed_in SYSCALL SEED ARGUMENT...: the node tool and its children, as each is about to make this call; with
# the key on its standard input.
killed_in() {
	marker "$2" pipe strace -f -qq -o /run/strace -e "trace=$1" -e "inject=$1:signal=SIGKILL" "$BUILD/solodisk" "${@:3}"
}
was_killed() {
	grep -q 'killed by SIGKILL' /run/strace
}

# told_to_stop NAME SEED VERB ARGUMENT...: the front as when its time is up, while the worker is in mount().
told_to_stop() {
	marker "$2" run strace -f -qq -o /dev/null -e trace=mount -e inject=mount:delay_enter=6000000 "$DRIVER" "${@:3}" \
		>/run/stopped 2>&1 &
	eventually 60 worker_waits
	kill -TERM "$(pgrep -x disk)"
	wait $!
	status=$? answer=$(</run/stopped)
	read_answer
	is "$1" "$result:$status" "Failure:0" || note "$answer"
	eventually 60 no_worker
}
worker_waits() {
	local pid
	pid=$(pgrep -x .worker) && [[ $(<"/proc/$pid/syscall") == "165 "* ]]
}
no_worker() {
	! pgrep -x .worker >/dev/null
}

nothing_of_it "at first"
marker 7 run env "X=@BASE64@" sleep 1000 &
eventually 5 pgrep -x sleep >/dev/null
isnt "but a key in somebody's environment is found" "$(vm memory-has --hex "${patterns[@]}") " "$none"
kill $! && wait $! 2>/dev/null
marker 7 pipe sleep 1000 &
eventually 5 pgrep -x sleep >/dev/null
isnt "and one that nobody has read yet" "$(vm memory-has --hex "${patterns[@]}") " "$none"
kill $! && wait $! 2>/dev/null
nothing_of_it "without them"

# The tool
install_driver false
ok "prepare with a key of the node" solodisk prepare /dev/nvme0n1 --filesystem xfs --encrypt luks2 --key file:marker --yes
ok "prepare with one of standard input" \
	tool 7 prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key-file - --yes
ok "again: it is done already" solodisk prepare /dev/nvme0n1 --filesystem xfs --encrypt luks2 --key file:marker --yes
not_ok "with another key" solodisk prepare /dev/nvme0n1 --filesystem xfs --encrypt luks2 --key-file $KEYS/wrong --yes
not_ok "an option that is wrong" solodisk prepare /dev/nvme0n1 --filesystem zfs --encrypt luks2 --key file:marker --yes
not_ok "a key file that others may read" \
	solodisk prepare /dev/sda --filesystem ext4 --encrypt luks2 --key file:open --yes
not_ok "one that is not there" solodisk prepare /dev/sda --filesystem ext4 --encrypt luks2 --key file:none --yes
not_ok "a disk that is not there" tool 7 prepare /dev/sdz --filesystem ext4 --encrypt luks2 --key-file - --yes
exits "killed in the midst" 1-137 killed_in fsync 7 prepare /dev/sda --filesystem ext4 --encrypt luks2 --key-file - --yes
ok "it was" was_killed
nothing_of_it "after prepare"
ok "what was killed is released" solodisk release /dev/sda --yes
id=$(volume_of /dev/nvme0n1)
other_id=$(volume_of /dev/nvme1n1)

# The driver: success
secret=(encryption=luks2 key=secret:key kubernetes.io/secret/key=@BASE64@ pv)
opts=$(options "$id" "${secret[@]}")
target=$(pod 1)
expect "init" Success 7 init
expect "mount" Success 7 mount "$target" "$opts"
nothing_of_it "while it is mounted"
expect "mount again" Success 7 mount "$target" "$opts"
expect "expandvolume" Success 7 expandvolume "$opts" "$target" 2 1
expect "a second pod" Success 7 mount "$(pod 2)" "$opts"
expect "expandfs" Success 7 expandfs "$opts" /dev/nvme0n1p1 "$target" 2 1
expect "unmount" Success 7 unmount "$target"
expect "and the second" Success 7 unmount "$(pod 2)"
expect "a key of the node" Success 7 mount "$target" "$(options "$id" encryption=luks2 key=file:marker pv)"
expect "unmount" Success 7 unmount "$target"
nothing_of_it "after mount and unmount"

# Failures
for broken in wwid=eui.ffff unknown=option kubernetes.io/fsType=ext4 key=secret:none key=none encryption=aes \
	volumeID=x mountOptions=dev kubernetes.io/pvOrVolumeName=inline "kubernetes.io/secret/more=@BASE64@@"; do
	expect "$broken" Failure 7 mount "$target" "$(options "$id" "${secret[@]}" "$broken")"
done
expect "broken JSON" Failure 7 mount "$target" "${opts%\}}"
expect "too many arguments" Failure 7 mount "$target" "$opts" "$opts"
expect "an unknown verb" "Not supported" 7 nosuchverb "$opts"
expect "the key instead of a directory" Failure 7 mount "@BASE64@" "$opts"
expect "the wrong key" Failure 9 mount "$target" "$opts"
expect "a key file that others may read" Failure 7 mount "$target" "$(options "$id" "${secret[@]}" key=file:open)"
expect "a disk that is not there" Failure 7 mount "$target" "$(options "${id//[0-9]/0}" "${secret[@]}" pv)"
expect "expandfs with a wrong key" Success 9 expandfs "$opts" /dev/nvme0n1p1 "$target" 2 1
expect "expandfs of a disk that is not there, which is for mount to say" Success 7 expandfs "$(options "${id//[0-9]/0}" "${secret[@]}" pv)" "" "$target" 2 1
told_to_stop "the time is up" 7 mount "$target" "$opts"
expect "a short key" Failure 7 mount "$target" "$(options "$id" "${secret[@]}" "kubernetes.io/secret/key=c2hvcnQ=" \
	"kubernetes.io/secret/other=@BASE64@")"
nothing_of_it "after failures"

# Deaths in the middle of it
for fault in mount:signal=SIGKILL mount:signal=SIGSEGV openat:signal=SIGKILL:when=40+40 mount:error=EIO; do
	answer=$(marker 7 run strace -f -qq -o /dev/null -e "trace=${fault%%:*}" -e "inject=$fault" \
		"$DRIVER" mount "$target" "$opts" 2>&1)
	status=$?
	read_answer
	is "$fault: Failure with exit 0" "$result:$status" "Failure:0"
done
nothing_of_it "after deaths"
call unmount "$target"

# Attach mode
install_driver true
stage=$STAGES/solodisk.$id
mkdir -p "$stage"
expect "attach" Success 7 attach "$opts" node
expect "isattached" Success 7 isattached "$opts" node
expect "waitforattach" Success 7 waitforattach "/dev/disk/by-partuuid/$id" "$opts"
expect "mountdevice" Success 7 mountdevice "$stage" "/dev/nvme0n1p1" "$(options "$id" encryption=luks2 key=secret:key pv)"
expect "mount" Success 7 mount "$target" "$opts"
expect "unmount" Success 7 unmount "$target"
expect "unmountdevice" Success 7 unmountdevice "$stage"
expect "detach" Success 7 detach "solodisk.$id" node
node=$(options "$id" encryption=luks2 key=file:marker pv)
expect "mountdevice with a key of the node" Success 7 mountdevice "$stage" /dev/nvme0n1p1 "$node"
expect "unmountdevice" Success 7 unmountdevice "$stage"
for broken in key=file:open key=file:none key=file:wrong wwid=eui.ffff; do
	expect "mountdevice, $broken" Failure 7 mountdevice "$stage" /dev/nvme0n1p1 \
		"$(options "$id" "${secret[@]}" "$broken")"
done
expect "attach, a wrong option" Failure 7 attach "$(options "$id" "${secret[@]}" unknown=option)" node
expect "waitforattach, another disk" Failure 7 waitforattach /dev/sda "$(options "$id" "${secret[@]}" wwid=eui.ffff)"
nothing_of_it "after attach mode"

# The commands about keys
install_driver false
plan=/root/plan
ok "plan" solodisk plan sda --filesystem ext4 --encrypt luks2 --key secret:key --output $plan
ok "plan, with a key that is not there yet" \
	solodisk plan sda --filesystem ext4 --encrypt luks2 --key file:none --output $plan.none
ok "and with one that others may read" \
	solodisk plan sda --filesystem ext4 --encrypt luks2 --key file:open --output $plan.open
not_ok "apply without the node's key" solodisk apply $plan.none --yes
not_ok "apply with that key" solodisk apply $plan.open --yes
not_ok "apply without the Secret's key" solodisk apply $plan --yes
ok "apply" tool 7 apply $plan --key-file - --yes
ok "apply again: it is done already" tool 7 apply $plan --key-file - --yes
not_ok "apply with another key" tool 9 apply $plan --key-file - --yes
nothing_of_it "after plan and apply"
third_id=$(volume_of /dev/sda)
opts=$(options "$third_id" "${secret[@]}")
expect "mount" Success 7 mount "$target" "$opts"
vm grow scsi0 96M
not_ok "grow with the wrong key" tool 9 grow sda --key secret:key --key-file -
ok "grow" tool 7 grow sda --key secret:key --key-file -
expect "unmount" Success 7 unmount "$target"
not_ok "adopt with the wrong key" tool 9 adopt sda --key secret:key --secret a/b --key-file -
ok "adopt" tool 7 adopt sda --key secret:key --secret a/b --key-file -
nothing_of_it "after grow and adopt"
not_ok "rotate with the wrong key" tool 9 rotate sda --key-file - --new-key file:new
not_ok "to a key that is not there" tool 7 rotate sda --key-file - --new-key file:none
ok "rotate" tool 7 rotate sda --key-file - --new-key file:new
ok "rotate again: it is done already" tool 7 rotate sda --key-file - --new-key file:new
ok "and back" tool 7 rotate sda --key file:new --new-key-file -
nothing_of_it "after rotate"
not_ok "reencrypt with the wrong key" tool 9 reencrypt sda --key-file -
marker 7 pipe "$BUILD/solodisk" reencrypt sda --key-file - &
ok "reencrypt is at work" eventually 60 test -e "/dev/mapper/solodisk-${third_id//-/}-overlay"
kill -KILL $!
wait $! 2>/dev/null
nothing_of_it "after it was killed"
ok "it goes on" tool 7 reencrypt sda --key-file -
backup=/root/header
ok "header backup" solodisk header backup --allow-revoked-keys sda $backup
not_ok "header restore with the wrong key" tool 9 header restore --allow-revoked-keys --key-file - sda $backup
ok "header restore" tool 7 header restore --allow-revoked-keys --key-file - sda $backup
ok "header repair" solodisk header repair sda
nothing_of_it "after reencrypt and header"

# Each of these commands with a key file that is refused, with none, and for a disk that is not there. What is
# behind the comma is for a key on standard input alone.
refuses() {
	local name=$1 regex=$2 out
	shift 2
	out=$("$@" 2>&1 </dev/null)
	isnt "refused: $name" $? 0
	like "it says why: $name" "$out" "$regex"
}
for words in "grow sda,--key secret:key" "adopt sda,--key secret:key --secret a/b" "rotate sda --new-key file:new" \
	"reencrypt sda" "header restore --allow-revoked-keys sda $backup" "erase sda --yes"; do
	read -ra command <<<"${words%,*}"
	read -ra more <<<"${words#"${words%,*}"}"
	refuses "${command[0]}, a key file for all to read" "mode 0644" "$BUILD/solodisk" "${command[@]}" --key file:open
	refuses "${command[0]}, no key file" "keys/none" "$BUILD/solodisk" "${command[@]}" --key file:none
	refuses "${command[0]}, no disk" "sdz" tool 7 "${command[@]/#sda/sdz}" "${more[@]/#,/}" --key-file -
done
exits "rotate, killed in the midst" 1-137 killed_in fsync 7 rotate sda --key-file - --new-key file:new
ok "it was" was_killed
nothing_of_it "after refusals"
ok "it goes on" tool 7 rotate sda --key-file - --new-key file:new
ok "and back" tool 7 rotate sda --key file:new --new-key-file -

# Cleaning
not_ok "erase without a key" solodisk erase "$id" --yes
ok "erase with one" solodisk erase "$id" --key file:marker --yes
ok "erase with one of standard input" tool 7 erase "$other_id" --key-file - --yes
not_ok "erase, with a key that is not there" solodisk erase /dev/nvme0n1 --key file:none --yes
ok "release" solodisk release /dev/nvme1n1 --yes
ok "erase what was rotated and re-encrypted" tool 7 erase sda --key-file - --yes
nothing_of_it "after erase and release"

umount $KEYS
for disk in nvme0 nvme1 scsi0; do
	# shellcheck disable=SC2086 # digits
	is "nothing of it is on $disk" "$(vm disk-has $disk "${patterns[@]}") " "$none"
done
isnt "though it is where the key files are" "$(vm disk-has virtio0 "${patterns[@]}") " "$none"
unlike "nor in an answer" "$(<$ANSWERS)" "$(marker 7 run echo '@BASE64@' | cut -c 1-30)"
no_leftovers
answers_are_json
done_testing
