#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "solodisk reencrypt" killed as it ends, when libcryptsetup overwrites the old keyslots and its header asks
# for the old volume key still: no other program can open the volume then, the driver and the same command can.
# vm: --disk nvme,name=a,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

part=/dev/nvme0n1p1

opens() {
	cryptsetup open --test-passphrase --key-file "$KEYS/$1" $part
}
keeps_the_key_out() {
	! opens one >/dev/null 2>&1
}
# killed_at_its_end COMMAND...: when the layers are gone and, then, the command succeeds. The disk is so slow that
# what is overwritten then takes a minute.
killed_at_its_end() {
	vm throttle a 8000000
	solodisk reencrypt --key file:one nvme0n1 >/tmp/reencrypt 2>&1 &
	eventually 60 test -e "/dev/mapper/solodisk-${id//-/}-overlay" &&
		eventually 240 test ! -e "/dev/mapper/solodisk-${id//-/}-overlay" && eventually 60 "$@"
	kill -KILL $!
	vm throttle a 0
	wait $! 2>/dev/null
}
is_clean() {
	is "$1: no flag, one keyslot, no token, one segment" "$(cryptsetup luksDump --dump-json-metadata $part |
		jq -c '[.config.requirements, (.keyslots, .tokens, .segments, .digests | length)]')" "[null,1,0,1,1]"
}

install_driver false
new_key one >/tmp/keys
new_key two >/tmp/keys
id=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key file:one)
one=$(options "$id" pv encryption=luks2 key=file:one)
target=$(pod 1)
tenant nvme0n1 1 "$one"

killed_at_its_end keeps_the_key_out
not_ok "killed as it ended: cryptsetup opens it no more" opens one
fails "a wrong key" "wrong key" mount "$target" "$(options "$id" pv encryption=luks2 key=file:two)"
not_ok "changes nothing" opens one
succeeds "the key mounts it" mount "$target" "$one"
ok "the data are there" cmp "$marker" "$target/marker"
like "the log says what it was" "$(cat /run/syslog)" "re-encryption of volume $id had been cut off as it ended"
ok "cryptsetup opens it, too" opens one
ok "the same command does the rest, while it is mounted" solodisk reencrypt --key file:one nvme0n1
is_clean "then"
succeeds "unmount" unmount "$target"

succeeds "mount" mount "$target" "$one"
killed_at_its_end true
ok "killed once more, under a pod: the same command" solodisk reencrypt --key file:one nvme0n1
is_clean "then"
succeeds "unmount" unmount "$target"
succeeds "mount anew" mount "$target" "$one"
ok "the data are there" cmp "$marker" "$target/marker"
succeeds "unmount" unmount "$target"
no_leftovers
answers_are_json
done_testing
