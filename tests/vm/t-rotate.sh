#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "solodisk rotate": another key while a pod writes; what is refused, and that it changes nothing; what
# was cut off goes on; other keyslots stay.
# vm: --disk nvme,name=a,size=64M --disk scsi,name=b,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

for name in one two three other; do
	new_key $name >/tmp/keys
done
part=/dev/nvme0n1p1

# opens KEY: for another program than ours.
opens() {
	cryptsetup open --test-passphrase --key-file "$KEYS/$1" $part
}
# header FILTER: of the LUKS2 metadata.
header() {
	cryptsetup luksDump --dump-json-metadata $part | jq -r "$1"
}
rotate() {
	solodisk rotate "$@" nvme0n1
}
keyslot_area() {
	dd if=$part bs=4096 skip=8 count=63 iflag=direct status=none
}
blocks_in_common() {
	python3 -c 'import sys
old, new = (open(name, "rb").read() for name in sys.argv[1:])
print(sum(old[i:i + 512] == new[i:i + 512] for i in range(0, len(old), 512)))' "$@"
}

install_driver false
(umask 077 && head -c 40 /dev/urandom >"$KEYS/three" &&
	{ cat "$KEYS/three" && head -c 1 /dev/zero; } >"$KEYS/longer")
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
one=$(options "$id" pv encryption=luks2 key=file:one)
two=$(options "$id" pv encryption=luks2 key=file:two)

# Refusals
refused "a wrong old key" a "neither the old nor the new key opens" \
	solodisk rotate --key file:other --new-key file:two nvme0n1
refused "the same key twice" a "both open keyslot 0" \
	solodisk rotate --key file:one --new-key file:one nvme0n1
head -c 8 /dev/urandom >"$KEYS/short" && chmod 0600 "$KEYS/short"
refused "a short new key" a "the new key: .*8 bytes" \
	solodisk rotate --key file:one --new-key file:short nvme0n1
exits "without a new key" 2 solodisk rotate --key file:one nvme0n1
exits "both keys from stdin" 2 solodisk rotate --key-file - --new-key-file - nvme0n1

# While a pod writes
target=$(pod 1)
succeeds "mount" mount "$target" "$one"
cp "$marker" "$target/marker"
while :; do
	dd if=/dev/urandom of="$target/busy" bs=64k count=8 conv=fsync status=none
done &
writer=$!
keyslot_area >/tmp/keyslot
ok "rotate, the new key from stdin" rotate --key file:one --new-key-file - <"$KEYS/two"
kill $writer
wait $writer 2>/dev/null
not_ok "the old key opens nothing" opens one
ok "the new one does" opens two
is "one keyslot, no token" "$(header '(.keyslots | length), (.tokens | length)' | xargs)" "1 0"
is "PBKDF2 with 1000 iterations" "$(header '.keyslots[].kdf | .type, .iterations' | xargs)" "pbkdf2 1000"
keyslot_area >/tmp/keyslot-after
is "no sector of the old keyslot is left" "$(blocks_in_common /tmp/keyslot /tmp/keyslot-after)" 0
ok "the pod's data is there" cmp "$marker" "$target/marker"
fails "the old key mounts no more" "wrong key" mount "$(pod 2)" "$one"
succeeds "the new one does, beside it" mount "$(pod 2)" "$two"
succeeds "unmount" unmount "$(pod 2)"
succeeds "unmount" unmount "$target"
succeeds "mount again" mount "$target" "$two"
ok "the data is there" cmp "$marker" "$target/marker"
succeeds "unmount" unmount "$target"

# Repeated, and what was cut off
before=$(digests a)
ok "the same command again" rotate --key file:one --new-key-file "$KEYS/two"
is "has nothing to do" "$(digests a)" "$before"
for ((n = 0; n < 2; n++)); do
	cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$KEYS/two" $part \
		"$KEYS/three"
done
out=$(rotate --json --key file:three --new-key file:two)
is "a key with two keyslots loses both" "$?:$(jq -c '[.added, .destroyedKeyslots]' <<<"$out")" "0:[false,2]"
cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$KEYS/two" $part "$KEYS/three"
ok "cut off when both were there: the old one goes" rotate --key file:two --new-key file:three
is "one keyslot is left" "$(header '.keyslots | length')" 1
not_ok "which the old key does not open" opens two
refused "to PBKDF2 a key with a zero behind it is the same" a "both open keyslot" \
	solodisk rotate --key file:three --new-key file:longer nvme0n1
slot=$(header '.keyslots | keys[0]')
cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$KEYS/three" $part "$KEYS/one"
printf '{"type":"solodisk-retired","keyslots":["%s"]}' "$slot" | cryptsetup token import $part
dd if=/dev/zero of=$part bs=4096 seek="$(header ".keyslots[\"$slot\"].area.offset | tonumber / 4096")" \
	count=63 oflag=direct status=none
not_ok "cut off while the old keyslot was overwritten" opens three
ok "it is known for what it is" rotate --key file:three --new-key file:one
is "and gone, with its token" "$(header '(.keyslots | length), (.tokens | length)' | xargs)" "1 0"

# Other keyslots
own=$(header '.keyslots | keys[0]')
cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$KEYS/one" $part "$KEYS/other"
slot=$(header ".keyslots | keys - [\"$own\"] | .[0]")
printf '{"type":"clevis","keyslots":["%s"],"jwe":{}}' "$slot" | cryptsetup token import $part
refused "a keyslot that a token needs is not destroyed" a "belongs to token 0 \(clevis\)" \
	solodisk rotate --key file:other --new-key file:two nvme0n1
out=$(rotate --json --key file:one --new-key file:two)
is "others stay, and are told" "$?:$(jq -c '[.otherKeyslots, .added, .destroyedKeyslots]' <<<"$out")" \
	"0:[[{\"keyslot\":$slot,\"token\":\"clevis\"}],true,1]"
ok "and work" opens other
for ((n = 0; n < 30; n++)); do
	cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$KEYS/two" $part \
		"$KEYS/other"
done
is "all keyslots are taken" "$(header '.keyslots | length')" 32
refused "then there is no place for a new key" a "all keyslots" \
	solodisk rotate --key file:two --new-key file:three nvme0n1

# Not a volume with a key
prepare /dev/sda --filesystem ext4 >/tmp/plain
refused "a plain volume" b "not encrypted" solodisk rotate --key file:one --new-key file:two sda
sfdisk -q --part-label /dev/nvme0n1 1 "solodisk-erasing-${id%%-*}"
refused "one that is being erased" a "state erasing" \
	solodisk rotate --key file:two --new-key file:three nvme0n1

done_testing
