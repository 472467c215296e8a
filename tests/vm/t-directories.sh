#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Directories of mount points: what is published and as what, what is refused, and how a released one is cleaned.
# vm: --disk nvme,size=64M --disk nvme,size=64M --disk nvme,size=64M --disk nvme,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"

PATH=$BUILD:$BUILD/tests/vm:$PATH
config=/tmp/config.json
cat >$config <<'END'
{"pools": [{"name": "raw", "storageClass": "raw", "volumeMode": "Block", "disks": [{"wwid": ["eui.5254000000000104"]}]}],
 "directories": [
  {"path": "/mnt/disks", "storageClass": "fs"},
  {"path": "/host/block", "mountPath": "/mnt/block", "storageClass": "block", "volumeMode": "Block"},
  {"path": "/mnt/discard", "storageClass": "discard", "volumeMode": "Block", "erase": "discard"},
  {"path": "/mnt/none", "storageClass": "none"},
  {"path": "/mnt/pattern", "storageClass": "pattern", "namePattern": "vol-*"}]}
END
chmod 644 $config
mkdir -p /mnt/disks/{ext4,plain,tmpfs,proc,bind,ro,own,lost+found} /mnt/block /mnt/discard /mnt/pattern/{vol-1,other}

scan() {
	out=$(directory-tool scan $config)
}
# entry NAME: what the last scan says of it.
entry() {
	sed -n "s|^[^:]*/$1: ||p" <<<"$out"
}
# clean NAME...: sets $out and $status.
clean() {
	out=$(directory-tool clean $config "$@" 2>&1)
	status=$?
}

disk=/dev/nvme0n1
raw=/dev/nvme1n1
mkfs.ext4 -q -U 0a1b2c3d-1111-4222-8333-444444444444 $disk
sfdisk -q $raw <<<$'label: gpt\nsize=20MiB\nsize=20MiB'
udevadm settle 2>/dev/null
eventually 20 test -b ${raw}p2

# What is published

mount $disk /mnt/disks/ext4
mount -t tmpfs -o size=20m tmpfs /mnt/disks/tmpfs
mount -t proc proc /mnt/disks/proc
mount -t tmpfs -o ro,size=20m tmpfs /mnt/disks/ro
mkdir -p /srv/shared/one
mount -t tmpfs -o size=9m tmpfs /srv/shared
mkdir /srv/shared/one /srv/shared/two
mount --bind /srv/shared/one /mnt/disks/bind
mount -t tmpfs -o size=20m tmpfs /mnt/pattern/vol-1
mount -t tmpfs -o size=20m tmpfs /mnt/pattern/other
touch /mnt/disks/file
ln -s /mnt/disks/ext4 /mnt/disks/link
ln -s $disk /mnt/disks/device
ln -s ${raw}p1 /mnt/block/part
ln -s /nowhere /mnt/block/dangling
ln -s $disk /mnt/block/mounted
ln -s /dev/nvme3n1 /mnt/block/pool
mkdir /mnt/block/directory
mknod /mnt/discard/node b $((0x$(stat -c %t ${raw}p2))) $((0x$(stat -c %T ${raw}p2)))
ok "a volume of solodisk's own" solodisk prepare --yes --filesystem ext4 /dev/nvme2n1
mount /dev/nvme2n1p1 /mnt/disks/own
ln -s /dev/nvme2n1 /mnt/block/own
scan
blocks=$(stat -f -c '%b*%S' /mnt/disks/ext4)
is "a mount point: whole MiB, its UUID" "$(entry ext4)" \
	"Filesystem $((blocks / 1048576 * 1048576)) uuid:0a1b2c3d-1111-4222-8333-444444444444"
is "one without a device" "$(entry tmpfs)" "Filesystem 20971520 "
is "a bind mount of a directory: less than 10 MiB are not rounded" "$(entry bind)" "Filesystem 9437184 part "
is "a link to a partition" "$(entry part)" "Block 20971520 wwid:eui.5254000000000102:2048"
is "a device node" "$(entry node)" "Block 20971520 wwid:eui.5254000000000102:43008"
is "the name pattern" "$(grep pattern/ <<<"$out")" "/mnt/pattern/vol-1: Filesystem 20971520 "
is "the host's path" "$(grep -c ^/host/block/ <<<"$out")" 6
like "a directory that is not there" "$out" "/mnt/none: ENOENT: cannot read it"
is "lost+found is passed by" "$(entry 'lost+found')" ""

# What is refused

like "a plain directory" "$(entry plain)" "^ENOTCONN: it is a plain directory"
like "a file" "$(entry file)" "^EINVAL: it is neither"
like "a link to a directory" "$(entry link)" "^EINVAL: it is a link, but not to a block device"
like "a device that kubelet would format" "$(entry device)" "^EINVAL: .*kubelet would format it"
like "a filesystem without capacity" "$(entry proc)" "^EINVAL: its filesystem has no capacity"
like "one that is read-only" "$(entry ro)" "^EROFS: it is mounted read-only"
like "a filesystem of solodisk's" "$(entry own | head -1)" "^EEXIST: nvme2n1 carries volume [-0-9a-f]* of solodisk's own"
is "and its disk" "$(entry own | grep -c ^EEXIST)" 2
like "a disk of a pool" "$(entry pool)" "^EEXIST: nvme3n1 belongs to pool \"raw\""
like "a directory among devices" "$(entry directory)" "^EINVAL: it is a directory"
like "a device in use" "$(entry mounted)" "^EBUSY: the device is in use"
like "a link that leads nowhere" "$(entry dangling)" "^ENOENT: the link leads nowhere"

mount --bind /mnt/disks/ext4 /mnt/disks/plain
ln -s $raw /mnt/block/whole
scan
like "two that show the same" "$(entry ext4)" "^ENOTUNIQ: it has the same data as /mnt/disks/plain"
like "both of them" "$(entry plain)" "^ENOTUNIQ: it has the same data as /mnt/disks/ext4"
like "a disk and its partition" "$(entry whole)" "^ENOTUNIQ"
umount /mnt/disks/plain
rm /mnt/block/whole
mount --bind /srv/shared /mnt/disks/plain
scan
like "one in another" "$(entry bind)" "^ENOTUNIQ: it has the same data as /mnt/disks/plain, or a part"
umount /mnt/disks/plain
mount --bind /srv/shared/two /mnt/disks/plain
scan
is "but not one beside another" "$(entry bind) $(entry plain)" "Filesystem 9437184 part  Filesystem 9437184 part "
umount /mnt/disks/plain

# A filesystem is emptied

precious=/srv/precious
mkdir -p $precious/dir
echo keep >$precious/file
fill() {
	mkdir -p "$1"/{dir/deeper,.hidden}
	echo secret >"$1/dir/deeper/file"
	echo secret >"$1/.hidden/file"
	ln -s $precious "$1/out"
	ln -s $precious/file "$1/dir/out"
	mknod "$1/dir/null" c 1 3
	chmod 0 "$1/dir/deeper"
}
fill /mnt/disks/ext4
clean ext4 uuid:0a1b2c3d-1111-4222-8333-444444444444
is "cleaning" "$status:$out" $'0:looked\nemptying'
is "nothing is left but lost+found" "$(find /mnt/disks/ext4 -mindepth 1)" /mnt/disks/ext4/lost+found
is "what links led to is there" "$(cat $precious/file)" keep
clean ext4
is "again" "$status:$out" $'0:looked\nemptying'

fill /mnt/disks/ext4
mkdir /mnt/disks/ext4/mounted
mount --bind $precious /mnt/disks/ext4/mounted
clean ext4
is "something is mounted in it" "$status" 1
like "and named" "$out" "EXDEV: mounted: something is mounted there"
is "and whole" "$(cat $precious/file)" keep
umount /mnt/disks/ext4/mounted
touch /mnt/disks/ext4/boundfile
mount --bind $precious/file /mnt/disks/ext4/boundfile
clean ext4
like "a file on which a file is mounted" "$out" "EBUSY: boundfile: something is mounted there"
is "that file is whole" "$(cat $precious/file)" keep
umount /mnt/disks/ext4/boundfile
clean ext4
is "then it is emptied" "$status" 0
fill /mnt/disks/ext4
chattr +i /mnt/disks/ext4/dir/deeper/file
clean ext4
is "an immutable file" "$status" 1
like "is named" "$out" "EPERM: dir/deeper/file: it is immutable or append-only; \"chattr -ia\" ends that"
chattr -i /mnt/disks/ext4/dir/deeper/file
clean ext4
is "then it goes on" "$status:$(find /mnt/disks/ext4 -mindepth 1)" 0:/mnt/disks/ext4/lost+found

fill /mnt/disks/ext4
names() {
	(cd "$1" && find . | grep -v 'lost+found' | sort)
}
before=$(names /mnt/disks/ext4)
# same NAME [DIRECTORY]: what fill has made is all there.
same() {
	is "$1" "$(names "${2:-/mnt/disks/ext4}")" "$before"
}
clean ext4 uuid:0a1b2c3d-1111-4222-8333-555555555555
like "another filesystem than the volume was made of" "$out" "ESTALE: local-pv-1 was made of .*5555, but .*4444 is there"
same "nothing went"
target=/var/lib/kubelet/pods/x/volumes/kubernetes.io~local-volume/local-pv-1
mkdir -p $target
mount --bind /mnt/disks/ext4 $target
clean ext4
like "a pod still has it" "$out" "EBUSY: it is still mounted for a pod at $target"
same "nothing went then"
umount $target

# later COMMAND: between looking and cleaning.
later() {
	rm -f /tmp/go
	WAIT=/tmp/go directory-tool clean $config ext4 >/tmp/out 2>&1 &
	eventually 60 grep -q looked /tmp/out
	"$@"
	touch /tmp/go
	wait $!
	status=$?
	out=$(</tmp/out)
}
fill /mnt/disks/plain
later umount /mnt/disks/ext4
is "unmounted before it is cleaned" "$status" 1
like "it is told" "$out" "ENOTCONN: it is a plain directory"
fill /mnt/disks/ext4
later mount -t tmpfs tmpfs /mnt/disks/ext4 # there was no mount when it was looked at
like "mounted just now" "$out" "ESTALE"
umount /mnt/disks/ext4
same "the directory below is as it was"
mount $disk /mnt/disks/ext4
later mount --bind /mnt/disks/plain /mnt/disks/ext4
like "mounted over" "$out" "ESTALE: something else is there now"
same "what was mounted over it is whole" /mnt/disks/plain
umount /mnt/disks/ext4
same "and what is below" /mnt/disks/ext4

# A device is erased

head -c 20M /dev/urandom >/tmp/random
for part in 1 2; do
	cat /tmp/random >${raw}p$part
done
sync
neighbour=$(sha256sum <${raw}p2)
losetup -f --show ${raw}p1 >/tmp/loop
clean part
like "a pod has the device" "$out" "EBUSY: loop.* lies on it"
is "no byte changed" "$(cmp -s /tmp/random ${raw}p1; echo $?)" 0
losetup -d "$(</tmp/loop)"
clean part wwid:eui.5254000000000102:4096
like "another device" "$out" "ESTALE: local-pv-1 was made of"
is "no byte changed either" "$(cmp -s /tmp/random ${raw}p1; echo $?)" 0
clean part wwid:eui.5254000000000102:2048
is "a partition is overwritten" "$status:$(cmp -n 20971520 ${raw}p1 /dev/zero && echo zeros)" "0:zeros"
is "the one beside it is not" "$(sha256sum <${raw}p2)" "$neighbour"
like "it tells how far it is" "$out" "20971520 of 20971520"
cat /tmp/random >${raw}p1
dd if=/dev/zero of=${raw}p1 bs=1M count=8 conv=notrunc,fsync status=none
vm errors nvme1 on write $((2048 + 2048)) # whatever begins before the eighth MiB meets it
clean part "" 8388608
vm errors nvme1 off
is "it goes on where it was" "$status:$(cmp -n 20971520 ${raw}p1 /dev/zero && echo zeros)" "0:zeros"
cat /tmp/random >${raw}p1
sync
clean part "" 20971520
is "what was not erased after all is found" "$status" 1
like "and where" "$out" "EBADMSG"
clean node
is "discard" "$status:$(cmp -n 20971520 ${raw}p2 /dev/zero && echo zeros)" "0:zeros"
done_testing
