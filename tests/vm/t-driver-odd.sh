#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What happens on real nodes besides: foreign mounts in the way, kubelet's directory behind a link, a
# repeated mount with other wishes, a mapping held from elsewhere, records that were damaged or wiped.
# vm: --disk nvme,size=400M --disk nvme,size=400M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

# kubelet's directory is a link, as on nodes whose /var is small.
mkdir -p /mnt/kubelet
rm -rf /var/lib/kubelet
ln -s /mnt/kubelet /var/lib/kubelet
install_driver false
key=$(new_key tenant)
new_key other >/dev/null
plain=$(prepare /dev/nvme0n1 --filesystem xfs)
secret=$(prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant)
target=$(pod 1)
second=$(pod 2)

succeeds "behind a link: mount" mount "$target" "$(luks_options "$secret" "$key" pv)"
succeeds "behind a link: unmount" unmount "$target"
no_leftovers "behind a link: the stage is gone and LUKS is closed"

# A filesystem that is not ours lies where a stage should be.
foreign=/var/lib/kubelet/foreign
stage=$VIEW$STAGES/$plain
mkdir -p "$foreign" && mount -t tmpfs foreign "$foreign"
fails "a tmpfs in the way of mountdevice" "already carries" mountdevice "$foreign" x "$(options "$plain" pv)"
is "it is still there" "$(findmnt -nro SOURCE "$(readlink -f "$foreign")")" foreign
mkdir -p "$stage" && mount -t tmpfs foreign "$stage"
fails "a tmpfs in the way of mount's stage" "already carries" mount "$target" "$(options "$plain" pv)"
is "it is still there too" "$(findmnt -nro SOURCE "$(readlink -f "$stage")")" foreign
umount "$stage" "$foreign"
no_leftovers "and nothing is noted of it"

# A repeated mount with another wish must not take the first away.
succeeds "mount, writable" mount "$target" "$(options "$plain" pv)"
fails "again, but read-only" "already carries" mount "$target" "$(options "$plain" pv kubernetes.io/readwrite=ro)"
ok "the first is still there, and writable" touch "$target/file"
mount -t tmpfs over "$target"
fails "unmount of a target that something lies over" "something else" unmount "$target"
umount "$target"
ok "the volume is under it" test -e "$target/file"

# The target is taken by hand and given to another volume: the old record must not count.
umount "$target"
succeeds "another volume at the same target" mount "$target" "$(luks_options "$secret" "$key" pv)"
succeeds "the first at another" mount "$second" "$(options "$plain" pv)"
succeeds "unmount finds whose it is" unmount "$target"
is "LUKS is closed" "$(cat /sys/block/dm-*/dm/name 2>/dev/null)" ""
succeeds "unmount of the other" unmount "$second"
no_leftovers "both are given back"

# An open mapping is no right to it.
succeeds "mount with the key" mount "$target" "$(luks_options "$secret" "$key" pv)"
fails "a second mount with a wrong key" "wrong key" mount "$second" \
	"$(luks_options "$secret" "$KEYS/other" pv)"
is "mounts nothing" "$(findmnt -nro TARGET "$second")" ""
ok "and leaves the first alone" touch "$target/file"

# LUKS is held from elsewhere when the last pod goes.
exec 7<"/dev/$(basename "$(dirname "$(dirname "$(grep -l "solodisk-${secret//-/}" /sys/block/dm-*/dm/name)")")")"
fails "unmount while the mapping is held" "use|busy" unmount "$target"
is "the target is no mount any more" "$(findmnt -nro TARGET "$target")" ""
exec 7<&-
succeeds "unmount again closes it" unmount "$target"
no_leftovers "nothing is left"

# A damaged record is one volume's trouble.
succeeds "mount" mount "$target" "$(options "$plain" pv)"
: >"/run/solodisk/volume/$secret.json"
succeeds "unmount beside a damaged record" unmount "$target"
rm "/run/solodisk/volume/$secret.json"

# The records are wiped while volumes are mounted: their devices say whose they are.
named=$(pod 1 "solodisk.$plain")
target=$(pod 2)
second=$(pod 3)
succeeds "mount" mount "$named" "$(options "$plain" pv)"
succeeds "mount under another name" mount "$target" "$(options "$plain" pv)"
succeeds "mount an encrypted one" mount "$second" "$(luks_options "$secret" "$key" pv)"
rm -r /run/solodisk/volume
succeeds "unmount without records" unmount "$named"
ok "the other pod still has its volume" touch "$target/file"
rm -r /run/solodisk/volume
succeeds "unmount of the other, without records again" unmount "$target"
succeeds "unmount of the encrypted one" unmount "$second"
no_leftovers "neither a stage nor a mapping stays"
mount -t tmpfs none "$target"
fails "somebody else's mount is not touched" "not a volume of solodisk" unmount "$target"
umount "$target"

# A journal that does not read must not stop a call.
pkill -f "busybox syslogd"
rm -f /dev/log
python3 -c '
import socket, time
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); log.bind("/dev/log")
full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); full.setblocking(False)
try:
    while True: full.sendto(b"x", "/dev/log")
except BlockingIOError:
    print("full", flush=True)
time.sleep(60)' >/tmp/log-full &
eventually 20 grep -q full /tmp/log-full
began=$SECONDS
fails "a failing call with the log full" "unknown option" mount "$target" "$(options "$plain" pv a=b)"
ok "is answered at once" test $((SECONDS - began)) -lt 8
answers_are_json
done_testing
