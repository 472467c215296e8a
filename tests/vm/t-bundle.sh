#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The bundle, in roots that hold nothing else: the verbs of a controller-manager without /dev and /proc, the
# node tool, and a plain and an encrypted volume from preparing to the last unmount.
# vm: --disk nvme,size=512M --disk nvme,size=512M
# timeout: 300
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

id=11111111-2222-4333-8444-555555555555
export BARE=1
bare_root
is "the root holds the driver and nothing else" "$(cd /bare && find . -type f | grep -v "^.$DRIVER_DIR/")" ""
bare() {
	answer=$(/run/vm/bin/busybox chroot /bare "$DRIVER" "$@" 2>&1)
	status=$?
	read_answer
	is "$1 without /dev and /proc" "$result:$status" "Success:0" || note "$answer"
}
bare init
bare attach "$(options $id)" node1
bare isattached "$(options $id)" node1
bare detach "solodisk.$id" node1
echo '{"attach": true}' >"/bare$DRIVER_DIR/.config.json"
bare init
like "and it read its configuration" "$answer" '"attach":true'

install_driver false
cp -a "$BUNDLE" /bare/solodisk
solodisk() {
	/run/vm/bin/busybox chroot /bare /solodisk/solodisk "$@"
}
key=$(new_key tenant)
plain=$(prepare /dev/nvme0n1 --filesystem xfs)
secret=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant)
is "the tool prepared a plain volume" "$(state_of /dev/nvme0n1)" ready
is "and an encrypted one" "$(state_of /dev/nvme1n1)" ready

succeeds "xfs: mount" mount "$(pod 1)" "$(options "$plain" pv)"
succeeds "ext4 over LUKS2: mount" mount "$(pod 2)" "$(luks_options "$secret" "$key" pv)"
is "they are what they should be" "$(findmnt -nro FSTYPE,FSROOT "$(pod 1)") $(findmnt -nro FSTYPE,FSROOT "$(pod 2)")" \
	"xfs /data ext4 /data"
ok "and can be written" touch "$(pod 1)/file" "$(pod 2)/file"
succeeds "unmount" unmount "$(pod 1)"
succeeds "unmount" unmount "$(pod 2)"
fails "a Clevis token needs programs of the host" 'clevis|token' mount "$(pod 3)" "$(options "$secret" encryption=luks2 key=token pv)"
answers_are_json
no_leftovers
done_testing
