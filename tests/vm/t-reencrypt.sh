#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "solodisk reencrypt": a new volume key while pods come and go; stopped, killed, cut off by a power cut,
# mounted in between, finished by the same command; the old volume key is good for nothing afterwards.
# vm: --disk nvme,name=a,size=160M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

part=/dev/nvme0n1p1
log=$STATE/reencrypt.log

# header FILTER: of the LUKS2 metadata.
header() {
	cryptsetup luksDump --dump-json-metadata $part | jq -rc "$1"
}
is_at_work() {
	[ -e /dev/mapper/solodisk-"${id//-/}"-overlay ] && [ -d "/proc/$pid" ]
}
# Not only begun: there are data of either volume key.
some_is_done() {
	grep -q '"done": *[1-9]' "$log"
}
# begin_slowly [BYTES-A-SECOND]: in the background, on a disk so slow that there is time to look.
begin_slowly() {
	vm throttle a "${1:-4000000}"
	solodisk reencrypt --json --key file:one nvme0n1 >"$log" 2>&1 &
	pid=$!
	eventually 60 is_at_work
}
# ends: waits for what begin_slowly began, now at full speed; its exit status.
ends() {
	vm throttle a 0
	wait "$pid"
}
volume_key() {
	rm -f "$1"
	cryptsetup luksDump -q --dump-volume-key --volume-key-file "$1" --key-file "$KEYS/one" $part >/tmp/dump
}
# markers KEYFILE: how often the marker is in what this volume key makes of the data.
markers() {
	cryptsetup open --type plain --cipher aes-xts-plain64 --key-size 512 --key-file "$1" \
		--offset 32768 --readonly $part plain
	found "$marker" /dev/mapper/plain
	cryptsetup close plain
}
is_clean() {
	is "$1: no flag, one keyslot, no token, one segment" \
		"$(header '[.config.requirements, (.keyslots, .tokens, .segments | length)]')" "[null,1,0,1]"
}

after_power_cut() {
	id=$(volume_of /dev/nvme0n1)
	one=$(options "$id" pv encryption=luks2 key=file:one)
	is "a power cut leaves it in the midst" "$(header .config.requirements.mandatory)" '["online-reencrypt-v2"]'
	target=$(pod 5)
	succeeds "it is mounted all the same" mount "$target" "$one"
	ok "the data are there" cmp "$marker" "$target/marker"
	ok "the same command goes on, while it is mounted" solodisk reencrypt --key file:one nvme0n1
	like "as the log says" "$(cat /run/syslog)" "re-encryption of volume $id goes on"
	ok "the data are there afterwards" cmp "$marker" "$target/marker"
	succeeds "unmount" unmount "$target"
	is_clean "after it"

	ok "once more at work" begin_slowly
	kill -TERM "$pid"
	ends
	is "erase in the midst" "$(solodisk erase --yes --no-prepare nvme0n1 2>&1 | tail -n 1)" \
		'nvme0n1: erased, and left in state preparing; "prepare" or "release" goes on'
	not_ok "no key is left" cryptsetup open --test-passphrase --key-file "$KEYS/one" $part
	no_leftovers
	done_testing
	exit
}

install_driver false
if [ "$BOOT" -ne 1 ]; then
	mkdir -p "$KEYS"
	install -m 0600 "$STATE/one" "$KEYS/one"
	after_power_cut
fi
for name in one two other; do
	new_key $name >/tmp/keys
done
cp "$KEYS/one" "$STATE/one"
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
one=$(options "$id" pv encryption=luks2 key=file:one)
refused "a wrong key" a "wrong key" solodisk reencrypt --key file:two nvme0n1
cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$KEYS/one" $part "$KEYS/other"
refused "another key would be lost" a "keyslot 1 .* --drop-other-keys" \
	solodisk reencrypt --key file:one nvme0n1
cryptsetup luksKillSlot -q $part 1
no_leftovers

target=$(pod 1)
succeeds "mount" mount "$target" "$one"
cp "$marker" "$target/marker"
sync
volume_key /tmp/old-volume-key

# Pods come and go meanwhile, which takes a busy machine half a minute
ok "it is at work" begin_slowly 2000000
refused_at_work() {
	local name=$1 regex=$2 out
	shift 2
	out=$("$@" 2>&1 </dev/null)
	is "meanwhile refused: $name" $? 3
	like "it says why: $name" "$out" "$regex"
}
refused_at_work "the same again" "re-encrypted already: .*process $pid" \
	solodisk reencrypt --key file:one nvme0n1
refused_at_work "rotation" "is being re-encrypted; finish that first" \
	solodisk rotate --key file:one --new-key file:two nvme0n1
refused_at_work "a backup of the header" "midst of a re-encryption" \
	solodisk header backup --allow-revoked-keys nvme0n1 /tmp/backup
refused_at_work "erase" "in use, mounted at" solodisk erase --yes --no-prepare nvme0n1
fails "and a wrong key" "wrong key" mount "$(pod 2)" "$(options "$id" pv encryption=luks2 key=file:two)"
# leaves TARGET: as kubelet, which asks again: the disk is slow.
leaves() {
	call unmount "$1"
	[ "$result" = Success ]
}
succeeds "another pod" mount "$(pod 2)" "$one"
ok "goes" eventually 60 leaves "$(pod 2)"
ok "so does the first" eventually 60 leaves "$target"
is "the mapping stays for the work" "$(cat /sys/block/dm-*/dm/name | grep -c "^solodisk-${id//-/}$")" 1
refused_at_work "erase, without a pod" "in use" solodisk erase --yes --no-prepare nvme0n1
succeeds "a pod comes back" mount "$target" "$one"
ok "still at work" is_at_work
ends
is "done" $? 0
like "progress was told" "$(cat "$log")" '"event":"progress".*"step":"re-encrypt","done":[0-9]+,"total":[0-9]+'
like "and the end" "$(tail -n 1 "$log")" "\"event\":\"done\".*\"volumeID\":\"$id\""
ok "the data are there" cmp "$marker" "$target/marker"
like "the mapping is as it was opened" "$(dmsetup table "solodisk-${id//-/}")" \
	"^0 [0-9]+ crypt .* allow_discards no_read_workqueue no_write_workqueue$"
succeeds "unmount" unmount "$target"
no_leftovers "and closed"
is_clean "done"
volume_key /tmp/new-volume-key
isnt "the volume key is another" "$(sha256sum </tmp/new-volume-key)" "$(sha256sum </tmp/old-volume-key)"
not_ok "the old one is none of the volume's" cryptsetup open --test-passphrase \
	--volume-key-file /tmp/old-volume-key $part
is "it reads nothing" "$(markers /tmp/old-volume-key)" 0
is "the new one does" "$(markers /tmp/new-volume-key)" 1
succeeds "mount" mount "$target" "$one"
ok "the data are there after opening anew" cmp "$marker" "$target/marker"
succeeds "unmount" unmount "$target"

# Stopped, and mounted in between
ok "at work, without a pod" begin_slowly
ok "some of it is done" eventually 60 some_is_done
kill -TERM "$pid"
ends
is "stopped" $? 1
like "it says so" "$(tail -n 1 "$log")" "stopped; the same command goes on"
no_leftovers "and closed"
is "in the midst" "$(header .config.requirements.mandatory)" '["online-reencrypt-v2"]'
succeeds "a pod is started" mount "$target" "$one"
ok "it has its data" cmp "$marker" "$target/marker"
is "with both volume keys" "$(dmsetup table "solodisk-${id//-/}" | wc -l)" 2
ok "the rest, while it is mounted" solodisk reencrypt --key file:one nvme0n1
succeeds "unmount" unmount "$target"
is_clean "done"

# Killed
ok "at work again" begin_slowly
kill -KILL "$pid"
ends
ok "killed; the same command puts it right, and goes on" solodisk reencrypt --key file:one nvme0n1
is_clean "done"
no_leftovers "and closed"
succeeds "mount" mount "$target" "$one"
ok "the data are there" cmp "$marker" "$target/marker"

# Killed as it began: layers that the library made are there, and the mapping is about to be put on them
mapping=solodisk-${id//-/}
sectors=$(blockdev --getsz "/dev/mapper/$mapping")
for layer in hotzone-forward overlay; do
	dmsetup create "$mapping-$layer" --uuid "CRYPT-SUBDEV-${id//-/}-$mapping-$layer" \
		--table "0 $sectors linear $part 32768"
done
dmsetup suspend "$mapping"
dmsetup load "$mapping" --table "0 $sectors linear /dev/mapper/$mapping-overlay 0"
ok "killed as it began, a pod in it: the same command goes on" timeout 120 solodisk reencrypt --key file:one nvme0n1
is_clean "done"
ok "the data are there" cmp "$marker" "$target/marker"

# Killed while a pod uses it. Once something is done, the pod's mapping surely lies on the library's layers.
ok "at work, mounted" begin_slowly
ok "some of it is done" eventually 60 some_is_done
kill -KILL "$pid"
ends
out=$(solodisk reencrypt --key file:one nvme0n1 2>&1)
is "the same command" $? 1
like "says that the pod must go" "$out" "killed at work.*stop them; the same command"
not_ok "who writes is told an error" timeout 30 dd if=/dev/zero of="$target/file" bs=1M count=4 conv=fsync
succeeds "the pod goes" unmount "$target"
no_leftovers "and closed"
ok "then the same command goes on" solodisk reencrypt --key file:one nvme0n1
is_clean "done"
succeeds "mount" mount "$target" "$one"
ok "the data are there" cmp "$marker" "$target/marker"

# A power cut
ok "at work, mounted once more" begin_slowly
ok "some of it is done" eventually 60 some_is_done
vm power-cut
