#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# key: token, with systemd's TPM2 token (swtpm) and Clevis' (tang on loopback), and as a part of both:.
# vm: --disk nvme,size=128M --disk nvme,size=128M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

tpm_on() {
	mkdir -p "$1"
	swtpm chardev --tpm2 --vtpm-proxy --tpmstate dir="$1" --pid file=/tmp/swtpm.pid --daemon >/dev/null
	eventually 20 test -c /dev/tpmrm0
}
tpm_off() {
	kill "$(</tmp/swtpm.pid)"
	eventually 20 test ! -e /dev/tpmrm0
}
tang_on() {
	systemd-socket-activate --inetd --accept --listen 127.0.0.1:7500 /usr/libexec/tangd /tmp/tang >/dev/null 2>&1 &
	tang=$!
	eventually 20 curl -sf http://127.0.0.1:7500/adv -o /dev/null
}
# tokens PARTITION: how many it has.
tokens() {
	cryptsetup luksDump --dump-json-metadata "$1" | jq '.tokens | length'
}

install_driver false
modprobe tpm_vtpm_proxy
tpm_on /tmp/tpm
first=$(new_key first)
node=$(new_key node)
tpm_id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:first)
tang_id=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:first)
tpm_part=/dev/nvme0n1p1
tang_part=/dev/nvme1n1p1
by_tpm=$(options "$tpm_id" pv encryption=luks2 key=token)
by_tang=$(options "$tang_id" pv encryption=luks2 key=token)
target=$(pod 1)
second=$(pod 2)

exits "prepare with a token says how to get one" 3 solodisk prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 \
	--key token --yes
like "and where it is told" "$(cat "$tests_output")" "make it with another key, then bind the token"
fails "a volume without a token" "has no token.*systemd-cryptenroll or clevis luks bind" mount "$target" "$by_tpm"

# TPM2
ok "bind a TPM2, as solodisk(8) tells" \
	systemd-cryptenroll --unlock-key-file="$first" --tpm2-device=auto $tpm_part
is "there is a token" "$(tokens $tpm_part)" 1
ok "remove the first key" cryptsetup -q luksKillSlot $tpm_part 0
succeeds "the TPM2 opens the volume" mount "$target" "$by_tpm"
echo hello >"$target/file"
succeeds "for a second pod too" mount "$second" "$by_tpm"
succeeds "unmount" unmount "$target"
succeeds "unmount of the second" unmount "$second"
no_leftovers "TPM2: nothing is left"
fails "the first key opens it no more" "wrong key for volume $tpm_id" \
	mount "$target" "$(options "$tpm_id" pv encryption=luks2 key=file:first)"
before=$(digests nvme0)
tpm_off
fails "without the TPM2" "no token of $tpm_part gives a key: token 0 .systemd-tpm2.: " mount "$target" "$by_tpm"
tpm_on /tmp/other
fails "with another TPM2, as with a stolen disk" "no token of $tpm_part gives a key: token 0 .systemd-tpm2.: " \
	mount "$target" "$by_tpm"
tpm_off
is "no refusal wrote to the disk" "$(digests nvme0)" "$before"
no_leftovers "nor left anything"
tpm_on /tmp/tpm

# attach: true; no Secret is needed, so mountdevice stages.
install_driver true
stage=$STAGES/solodisk.$tpm_id
target=$(pod 3 "solodisk.$tpm_id")
succeeds "attach: mountdevice" mountdevice "$stage" $tpm_part "$by_tpm"
ok "attach: it has staged the volume" mountpoint -q "$stage"
succeeds "attach: mount" mount "$target" "$by_tpm"
is "attach: the data is there" "$(cat "$target/file")" hello
succeeds "attach: unmount" unmount "$target"
succeeds "attach: unmountdevice" unmountdevice "$stage"
no_leftovers "attach: nothing is left"

# Crypto-erase takes the tokens too.
ok "erase" solodisk erase --no-prepare --yes "$tpm_id"
not_ok "there is no header" cryptsetup luksDump $tpm_part
is "nor a token anywhere before the data" "$(head -c 16M $tpm_part | grep -c systemd-tpm2)" 0
install_driver false

# Clevis
mkdir -p /tmp/tang && /usr/libexec/tangd-keygen /tmp/tang sig exc >/dev/null 2>&1
tang_on
target=$(pod 4)
ok "bind a tang server, as solodisk(8) tells" \
	clevis luks bind -y -k "$first" -d $tang_part tang '{"url":"http://127.0.0.1:7500"}'
passphrase=$(clevis luks pass -d $tang_part -s 1)
ok "its key is a long one" test ${#passphrase} -ge 32
succeeds "tang opens the volume" mount "$target" "$by_tang"
echo hello >"$target/file"
answer=$(strace -f -qq -v -s 300 -o /tmp/trace -e trace=execve,openat,creat,memfd_create "$DRIVER" mount "$(pod 5)" "$by_tang" 2>&1)
read_answer
is "traced, for a second pod" "$result" Success
ok "clevis was run" grep -q 'execve.*"clevis-decrypt-tang"\|execve.*/clevis-decrypt-tang' /tmp/trace
is "its key is in no argument or environment" "$(grep -cF "$passphrase" /tmp/trace)" 0
is "and no file was made but our own" "$(grep -E 'O_CREAT|O_TMPFILE|memfd_create' /tmp/trace |
	grep -vE '"/run/solodisk/|"L_[0-9:]+"|"/dev/(null|tty)"' | cut -c-200)" "" # L_: cryptsetup's locks
succeeds "unmount" unmount "$target"
succeeds "unmount of the second" unmount "$(pod 5)"
kill $tang
fails "without tang" "no token of $tang_part gives a key: token 0 .clevis.: clevis failed.*127.0.0.1" \
	mount "$target" "$by_tang"
no_leftovers "Clevis: nothing is left"
tang_on

# both:token,file:node: a token that has a keyslot would open the volume alone.
both=$(options "$tang_id" pv encryption=luks2 key=both:token,file:node)
fails "both: with a token that has a keyslot" "has a keyslot.*luksKillSlot" mount "$target" "$both"
ok "kill that, as solodisk(8) tells" cryptsetup -q luksKillSlot $tang_part 1
is "the token stays" "$(tokens $tang_part)" 1
fails "which alone is no key now" "a part of both: only" mount "$target" "$by_tang"
fails "nor with the other part, before a keyslot has them both" "wrong key" mount "$target" "$both"

# What solodisk makes of the two, computed by OpenSSL.
input() {
	printf '%08x%s%08x%s' ${#passphrase} "$(printf %s "$passphrase" | xxd -p | tr -d '\n')" \
		"$(stat -c %s "$node")" "$(xxd -p "$node" | tr -d '\n')"
}
(umask 077 && openssl kdf -keylen 64 -kdfopt digest:SHA256 -kdfopt "hexkey:$(input)" -kdfopt "salt:solodisk both 1" \
	-kdfopt "info:LUKS2 keyslot" -binary HKDF >/tmp/both)
ok "add it" cryptsetup -q luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$first" $tang_part /tmp/both
ok "and remove the first key" cryptsetup -q luksRemoveKey $tang_part "$first"
succeeds "token and file together open it" mount "$target" "$both"
is "the data is there" "$(cat "$target/file")" hello
succeeds "unmount" unmount "$target"
fails "the other way round they do not" "wrong key" \
	mount "$target" "$(options "$tang_id" pv encryption=luks2 key=both:file:node,token)"
fails "nor the token with another file" "wrong key" \
	mount "$target" "$(options "$tang_id" pv encryption=luks2 key=both:token,file:first)"
fails "nor the file alone" "wrong key" \
	mount "$target" "$(options "$tang_id" pv encryption=luks2 key=file:node)"

for where in /run/syslog $ANSWERS; do
	is "no key in $where" "$(grep -acF "$passphrase" "$where")" 0
done
kill $tang
tpm_off
no_leftovers "nothing is left at the end"
answers_are_json
done_testing
