#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk erase and release: nothing of the old tenant is left, and nobody's data is taken.
# vm: --udev --disk nvme,name=a,size=128M --disk nvme,name=b,size=330M --disk scsi,name=c,size=64M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

install_driver false
old_key=$(new_key old)
new_key new >/dev/null
plain=$(prepare /dev/nvme0n1 --filesystem ext4)
secret=$(prepare /dev/nvme1n1 --filesystem xfs --encrypt luks2 --key file:old)
plain_wwid=$(wwid_of nvme0n1)

# Nobody's data is taken

tenant nvme0n1 1 "$(options "$plain" pv wwid="$plain_wwid")"
isnt "the marker is on the disk" "$(found "$marker" /dev/nvme0n1)" 0
refused "release of a used one" a "erase" solodisk release --yes nvme0n1
refused "no terminal to ask at" a "terminal" solodisk erase nvme0n1
like "it shows which disk" \
	"$({ sleep 2 && echo no; } | script -qec "solodisk erase nvme0n1" /dev/null)" \
	"$plain_wwid.*not \"yes\""
is "no is no" "$(state nvme0n1)" used
refused "crypto where nothing is encrypted" a "not encrypted" \
	solodisk erase --yes --method crypto nvme0n1
refused "a key where nothing is encrypted" a "encrypt" solodisk erase --yes --key file:new nvme0n1
exits "no such volume" 4 solodisk erase --yes 00000000-1111-4222-8333-444444444444
exits "no such method" 2 solodisk erase --yes --method shred nvme0n1
succeeds "a tenant again" mount "$(pod 2)" "$(options "$plain" pv)"
out=$(solodisk erase --yes nvme0n1 2>&1)
is "refused: in use" $? 3
like "it says by whom" "$out" "in use.*$(pod 2)"
ok "the tenant's data is there" cmp "$(pod 2)/marker" "$marker"
is "its state is as before" "$(state nvme0n1)" used
succeeds "the tenant goes" unmount "$(pod 2)"
unshare -m --propagation private bash -c \
	"mount /dev/nvme0n1p1 /mnt && touch /tmp/mounted && exec sleep 100" &
pid=$!
eventually 10 test -e /tmp/mounted
out=$(solodisk erase --yes nvme0n1 2>&1)
is "refused: mounted in another mount namespace" $? 3
like "it says so" "$out" "mounted|in use"
kill "$pid"
wait "$pid" 2>/dev/null

# Zero

ok "zero, which is the default of a plain one" bash -c \
	"solodisk erase --yes --json solodisk.$plain >/tmp/json"
is "every line is JSON, the last tells what was done" \
	"$(jq -rs 'last | .event, .method, .erasedVolumeID, .state, .filesystem' /tmp/json | xargs)" \
	"done zero $plain ready ext4"
like "progress is told" "$(jq -rs '[.[] | select(.event == "progress")] | last | .done == .total' \
	/tmp/json)" true
is "the marker is nowhere on the disk" "$(found "$marker" /dev/nvme0n1)" 0
new=$(id_of nvme0n1)
isnt "it has a new ID" "$new" "$plain"
exits "the old one is no more" 4 solodisk show "$plain"
fails "the old PersistentVolume does not mount" "$plain" mount "$(pod 3)" "$(options "$plain" pv)"
tenant nvme0n1 4 "$(options "$new" pv)"
like "the log names disk, WWID and volume" "$(cat /run/syslog)" "nvme0n1 \($plain_wwid\): volume $plain"

# Discard

isnt "the marker is on the disk again" "$(found "$marker" /dev/nvme0n1)" 0
ok "discard" solodisk erase --yes --method discard nvme0n1
is "ready" "$(state nvme0n1)" ready
is "the marker is nowhere on the disk" "$(found "$marker" /dev/nvme0n1)" 0

# The controller's own

new=$(prepare /dev/sda --filesystem ext4)
refused "no NVMe" c "no NVMe namespace" solodisk erase --yes --method nvme-format sda
tenant nvme0n1 5 "$(options "$(id_of nvme0n1)" pv)"
isnt "the marker is on the disk once more" "$(found "$marker" /dev/nvme0n1)" 0
ok "nvme-format" solodisk erase --yes --method nvme-format nvme0n1
is "ready" "$(state nvme0n1)" ready
is "the marker is nowhere on the disk" "$(found "$marker" /dev/nvme0n1)" 0

# Crypto

tenant nvme1n1 6 "$(luks_options "$secret" "$old_key" pv)"
is "the marker is encrypted" "$(found "$marker" /dev/nvme1n1)" 0
# 64 bytes out of the middle of the first keyslot (LUKS2 keeps it at 32 KiB)
dd if=/dev/nvme1n1p1 of=/tmp/keyslot bs=1 skip=$((40 * 1024)) count=64 status=none
is "the keyslot is on the disk" "$(found /tmp/keyslot /dev/nvme1n1)" 1
refused "no key for the next tenant" b "key" solodisk erase --yes nvme1n1
refused "a filesystem that cannot be told" b "filesystem" \
	solodisk erase --yes --key file:new nvme1n1
ok "an idle mapping" cryptsetup open --key-file "$old_key" /dev/nvme1n1p1 "solodisk-${secret//-/}"
ok "is closed; crypto is the default of an encrypted one, which is made as before" \
	bash -c "solodisk erase --yes --key file:new --json nvme1n1 >/tmp/json"
is "that is what was done" "$(jq -rs 'last | .method, .state, .filesystem, .encryption' /tmp/json |
	xargs)" "crypto ready xfs luks2"
is "the keyslot is nowhere on the disk" "$(found /tmp/keyslot /dev/nvme1n1)" 0
not_ok "the old key does not open it" \
	cryptsetup open --test-passphrase --key-file "$old_key" /dev/nvme1n1p1
ok "the new one does" cryptsetup open --test-passphrase --key-file "$KEYS/new" /dev/nvme1n1p1
isnt "it has a new ID" "$(id_of nvme1n1)" "$secret"
ok "left erased" solodisk erase --yes --no-prepare nvme1n1
is "in state preparing" "$(state nvme1n1)" preparing
refused "what it was is noted: encrypted" b "give a key" solodisk erase --yes nvme1n1
ok "it is made again from the note" bash -c \
	"solodisk erase --yes --key file:new --filesystem xfs nvme1n1 >/tmp/out"
like "as it was" "$(cat /tmp/out)" "ready, xfs in LUKS2"
chmod 0777 /var/lib/solodisk
ok "made otherwise than before, and the record is not to be trusted" bash -c \
	"solodisk erase --yes --encrypt none --filesystem ext4 nvme1n1 2>/tmp/err"
like "a warning says so" "$(cat /tmp/err)" "not in the record.*others than root"
is "ready, and plain" "$(state nvme1n1) $(blkid -po value -s TYPE /dev/nvme1n1p1)" "ready ext4"
ok "given back" solodisk release --yes nvme1n1
is "blank" "$(state nvme1n1)" blank

# The record: a line for each of them, whose

log=/var/lib/solodisk/erase.log
is "its directory was made root's alone" "$(stat -c %a:%U $log)" 600:root
is "the record has every erase" "$(jq -r '[.method, .verified.as, .result, .resumed] | join(" ")' $log)" \
	"zero zeros done false
discard zeros done false
nvme-format changed done false
crypto overwritten done false
crypto overwritten done false
  done false"
is "and whose it was" "$(jq -r 'select(.time | fromdate > 0) | [.wwid, .serial, .volumeID,
	(.newVolumeID | length), .bytes, .verified.bytes, .seconds >= 0] | join(" ")' $log | head -1)" \
	"$plain_wwid SOLO0001 $plain 36 $((126 << 20)) 18874368 true"
no_leftovers "nothing is left mounted, mapped, locked or noted"
done_testing
