#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The bundle, in roots that hold nothing else: the verbs of a controller-manager without /dev and /proc, the
# node tool, and a plain and an encrypted volume from preparing to the last unmount, over an upgrade.
# vm: --disk nvme,size=512M --disk nvme,size=512M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

id=11111111-2222-4333-8444-555555555555
export BARE=1
bare_root
is "the root holds the driver and nothing else" "$(cd /bare && find . -type f | grep -v "^.$DRIVER_DIR/")" ""
like "with a file at all" "$(readlink "/bare$DRIVER")" "^.v/"
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

# SELinux: what is made has the label of the directory that it is made in. Any kernel keeps such an attribute.
mkdir -p /tmp/labelled/plugins
labels() {
	python3 - "$@" <<-'END'
		import os, sys
		if sys.argv[1] == "set":
		    os.setxattr(sys.argv[2], "security.selinux", b"system_u:object_r:bin_t:s0\0")
		else:
		    names = [os.path.join(top, name) for top, dirs, files in os.walk(sys.argv[2]) for name in dirs + files]
		    found = {os.getxattr(name, "security.selinux", follow_symlinks=False) for name in names
		             if "security.selinux" in os.listxattr(name, follow_symlinks=False) or print("none:", name)}
		    print(len(names) > 20, *found)
	END
}
labels set /tmp/labelled/plugins
ok "install into a labelled directory" "$BUNDLE/solodisk" install --root /tmp/labelled --plugin-dir /plugins
ok "and again" "$BUNDLE/solodisk" install --root /tmp/labelled --plugin-dir /plugins
is "labels all that it makes" "$(labels get /tmp/labelled/plugins)" "True b'system_u:object_r:bin_t:s0\x00'"

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

# An upgrade while both are mounted and a call is under way: it has its volume's lock when the driver changes, and
# loads most of its libraries after that.
new=/tmp/new
cp -r "$BUNDLE/driver" $new
echo 9.9.9 >$new/.version
mounts() {
	grep -E 'solodisk~disk/|flexvolume/solodisk' /proc/self/mountinfo | sort
}
before=$(mounts)
old=$(readlink "/bare$DRIVER_DIR/disk")
strace -f -qq -o /tmp/slow -e trace=flock -e inject=flock:delay_enter=12000000:when=1 \
	"$DRIVER" mount "$(pod 3)" "$(options "$plain" pv)" >/tmp/slow-answer 2>&1 &
ok "a call is under way" eventually 60 grep -qs flock /tmp/slow
worker_of() {
	tr '\0' '\n' <"/proc/$(pgrep -x .worker | tail -1)/cmdline" | grep '/\.worker$'
}
like "of the old version" "$(worker_of)" "^$DRIVER_DIR/${old%/disk}/.worker"
ok "the upgrade" "$BUNDLE/solodisk" install --root /bare --plugin-dir "$PLUGINS" --from $new
is "kubelet calls the new one" "$(readlink "/bare$DRIVER_DIR/disk")" .v/9.9.9/disk
# On a busy machine the call may be through by now.
is "nothing was unmounted or mounted again" "$(mounts | grep -vF "$(pod 3)")" "$before"
not_ok "and uninstall is refused" "$BUNDLE/solodisk" uninstall --root /bare --plugin-dir "$PLUGINS"
wait
like "the call that was under way has succeeded" "$(cat /tmp/slow-answer)" '"Success"'
is "what was mounted before it still is" "$(mounts | grep -Fxc "$before")" "$(wc -l <<<"$before")"
traced=$(strace -f -qq -e trace=execve "$DRIVER" unmount "$(pod 3)" 2>&1)
like "the next call is the new version's" "$traced" "/.v/9.9.9/.lib/ld.so"
unlike "alone" "$traced" "${old%/disk}"
is "both volumes are as before" "$(mounts)" "$before"
ok "back again" "$BUNDLE/solodisk" install --root /bare --plugin-dir "$PLUGINS" --roll-back
is "kubelet calls the old one" "$(readlink "/bare$DRIVER_DIR/disk")" "$old"
succeeds "unmount" unmount "$(pod 1)"
succeeds "unmount" unmount "$(pod 2)"
fails "a Clevis token needs programs of the host" 'clevis|token' mount "$(pod 3)" "$(options "$secret" encryption=luks2 key=token pv)"
answers_are_json
no_leftovers "nothing is left mounted, mapped, locked or noted"
ok "then uninstall is not refused" "$BUNDLE/solodisk" uninstall --root /bare --plugin-dir "$PLUGINS"
is "and nothing of the driver is left" "$(ls -A "/bare$PLUGINS")" ""

now=$(date +%s)
date -s 2001-01-01 >/dev/null
like "doctor tells of a clock that was never set" "$("$BUNDLE/solodisk" doctor 2>&1)" 'fail +clock: the clock stands before'
date -s "@$now" >/dev/null
like "and of one that nobody keeps right" "$("$BUNDLE/solodisk" doctor 2>&1)" 'warn +clock: .*synchronized'
done_testing
