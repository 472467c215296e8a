#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Keys made of two parts, keys that are being rolled, wrong keys, short keys, key files that are refused.
# vm: --disk nvme,size=128M --disk nvme,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

# secret NAME FILE [NAME FILE...]: options that carry these keys of a Secret.
secret() {
	while [ $# -gt 0 ]; do
		printf ' kubernetes.io/secret/%s=%s' "$1" "$(base64 -w0 "$2")"
		shift 2
	done
}
# with KEY [NAME FILE...]: the options of a call for the volume.
with() {
	local key=$1
	shift
	# shellcheck disable=SC2046 # words
	options "$id" pv encryption=luks2 "key=$key" $(secret "$@")
}
# logged REGEX: whether the last line of the log that is about a key matches.
logged() {
	grep -aE 'opened with|wrong key' /run/syslog | tail -1 | grep -qE "$1"
}

install_driver false
target=$(pod 1)
node=$(new_key node)
tenant=$(new_key tenant)
new=$(new_key new)
wrong=$(new_key wrong)

# Preparation.
prepare_both=(solodisk prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --yes)
before=$(digests nvme0)
exits "the Secret's value must be given" 3 "${prepare_both[@]}" --key both:secret:key,file:node
like "and it says how" "$(<"$tests_output")" "key-file"
exits "a file beside a key that has no Secret" 3 "${prepare_both[@]}" --key both:file:new,file:node --key-file "$tenant"
exits "a part that is not there" 3 "${prepare_both[@]}" --key both:file:none,file:node
head -c 16 /dev/urandom >$KEYS/short && chmod 0600 $KEYS/short
exits "a part that is short" 3 "${prepare_both[@]}" --key both:secret:key,file:node --key-file $KEYS/short
exits "also with Argon2id" 3 "${prepare_both[@]}" --kdf argon2id --key both:secret:key,file:node --key-file $KEYS/short
is "no refusal wrote to the disk" "$(digests nvme0)" "$before"
ok "prepare with both" sh -c '"$@" <'"$tenant" - "${prepare_both[@]}" --key both:secret:key,file:node --key-file -
id=$(volume_of /dev/nvme0n1)
exits "again: it is done" 0 "${prepare_both[@]}" --key both:secret:key,file:node --key-file "$tenant"
like "and is told so" "$(<"$tests_output")" "ready already"

# A Secret and a file; either alone opens nothing.
both=both:secret:key,file:node
before=$(digests nvme0)
fails "the Secret alone" "wrong key for volume $id" mount "$target" "$(with secret:key key "$tenant")"
fails "the file alone" "wrong key for volume $id" mount "$target" "$(with file:node)"
fails "the other way round" "wrong key" mount "$target" "$(with both:file:node,secret:key key "$tenant")"
fails "with another file" "wrong key" mount "$target" "$(with both:secret:key,file:new key "$tenant")"
fails "with another Secret" "wrong key" mount "$target" "$(with $both key "$wrong")"
fails "without the Secret" "no Secret" mount "$target" "$(with $both)"
fails "without the file" "no key file /etc/solodisk/keys/none" \
	mount "$target" "$(with both:secret:key,file:none key "$tenant")"
is "no refusal wrote to the disk" "$(digests nvme0)" "$before"
no_leftovers "nor left anything"
succeeds "both together" mount "$target" "$(with $both key "$tenant")"
ok "and the log says with which" logged "opened with $both"
echo hello >"$target/file"
succeeds "unmount" unmount "$target"

# docs/security.md tells how OpenSSL computes the same, for a day without solodisk.
a=$(xxd -p -c 0 "$tenant") b=$(xxd -p -c 0 "$node")
openssl kdf -keylen 64 -kdfopt digest:SHA256 -kdfopt "salt:solodisk both 1" -kdfopt "info:LUKS2 keyslot" \
	-kdfopt "hexkey:$(printf %08x%s%08x%s $((${#a} / 2)) "$a" $((${#b} / 2)) "$b")" -binary HKDF >/tmp/both
ok "what OpenSSL makes of the two opens it" cryptsetup open --test-passphrase --key-file /tmp/both /dev/nvme0n1p1

# attach: true
install_driver true
stage=$STAGES/solodisk.$id
target=$(pod 2 "solodisk.$id")
succeeds "attach: mountdevice without the Secret" mountdevice "$stage" /dev/nvme0n1p1 "$(with $both)"
like "attach: it only checks" "$message" "mount, which gets the Secret, stages it"
not_ok "attach: and stages nothing" mountpoint -q "$stage"
succeeds "attach: mount" mount "$target" "$(with $both key "$tenant")"
is "attach: the data is there" "$(cat "$target/file")" hello
ok "attach: staged where unmountdevice looks" mountpoint -q "$stage"
succeeds "attach: unmount" unmount "$target"
succeeds "attach: unmountdevice" unmountdevice "$stage"
no_leftovers "attach: nothing is left"
install_driver false
target=$(pod 1)

# A Secret that is being rolled: the disk still has the old key, then it has the new one.
succeeds "rolled, the disk has the old key" mount "$target" "$(with $both key "$new" key.previous "$tenant")"
ok "and the log says that it was the previous one" logged "opened with the previous key of $both"
succeeds "unmount" unmount "$target"
succeeds "rolled, the disk has the new one" mount "$target" "$(with $both key "$tenant" key.previous "$wrong")"
ok "and the log says so" logged "opened with $both"
succeeds "unmount" unmount "$target"
mv "$node" $KEYS/node.previous && cp -p "$new" "$node"
succeeds "a file is rolled in the same way" mount "$target" "$(with $both key "$tenant")"
succeeds "unmount" unmount "$target"
chmod 0644 $KEYS/node.previous
fails "not if the previous one is open to others" "previous one, but.*mode 0644" \
	mount "$target" "$(with $both key "$tenant")"
mv $KEYS/node.previous "$node" && chmod 0600 "$node"

# Wrong keys: no other keys of the Secret are tried, the answer takes its time and tells nothing.
start=${EPOCHREALTIME/./}
call mount "$target" "$(with $both key "$wrong" key.previous "$new" key.previous.previous "$tenant" other "$tenant" key2 "$tenant")"
took=$((${EPOCHREALTIME/./} - start))
is "five keys are not tried in turn" "$answer" "{\"status\":\"Failure\",\"message\":\"mount: wrong key for volume $id\"}"
note "it took $((took / 1000)) ms"
ok "and the answer takes two seconds at least" test $took -ge 2000000
no_leftovers "nothing is left"

# Short keys, for Argon2id alone.
id2=$id
printf 'correct horse' >$KEYS/phrase && chmod 0600 $KEYS/phrase
exits "a short key is refused" 3 solodisk prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --yes --key file:phrase
exits "but with Argon2id" 0 solodisk prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --yes --key file:phrase --kdf argon2id
id=$(volume_of /dev/nvme1n1)
succeeds "then it is mounted" mount "$target" "$(with file:phrase)"
succeeds "unmount" unmount "$target"
fails "a wrong short key" "wrong key" mount "$target" "$(with secret:x x <(printf 'wrong horse'))"
fails "an empty one" "shorter|wrong" mount "$target" "$(with secret:x x /dev/null)"
id=$id2
fails "other volumes are opened by none" "shorter than 32 bytes" mount "$target" "$(with file:phrase)"

# Key files.
refused() {
	fails "$1" "$2" mount "$target" "$(with "both:secret:key,file:node" key "$tenant")"
}
for mode in 0644 0640 0700 4600; do
	chmod $mode "$node"
	refused "mode $mode" "mode $mode; it must be 0400 or 0600"
done
chmod 0400 "$node" && chown 1000 "$node"
refused "not root's" "must belong to root"
chown 0 "$node"
mv "$node" /root/elsewhere && ln -s /root/elsewhere "$node"
refused "a link" "is a link"
rm "$node" && mkfifo -m 0600 "$node"
refused "no regular file" "not a regular file"
rm "$node" && mv /root/elsewhere "$node"
chmod 0770 $KEYS
refused "others may write to the directory" "others than root may write to the directory"
chmod 0700 $KEYS && chown 1000 /etc/solodisk
refused "or to the one above" "others than root may write to the directory"
chown 0 /etc/solodisk
mv $KEYS /root/keys && ln -s /root/keys $KEYS
refused "the directory is a link" "cannot open the directory of the keys"
rm $KEYS && mv /root/keys $KEYS
succeeds "all is as it was" mount "$target" "$(with $both key "$tenant")"
succeeds "unmount" unmount "$target"

for where in /run/syslog $ANSWERS; do
	for key in "$tenant" "$node" "$new"; do
		is "no key in $where" "$(grep -acF "$(base64 -w0 "$key")" "$where")" 0
	done
done
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
