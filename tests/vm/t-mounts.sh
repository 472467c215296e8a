#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Stage, bind, verify, unmount: what is taken for staged, what a pod can reach, what a dead disk leaves.
# vm: --disk nvme,size=320M --disk nvme,size=320M --disk nvme,size=320M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/core.sh"

disk=/dev/nvme0n1
other=/dev/nvme1n1
mounts=/var/lib/kubelet/plugins/kubernetes.io/flexvolume/solodisk/disk/mounts
stage=$mounts/$ID
pods=/var/lib/kubelet/pods
mkdir -p $pods
core-tool mkfs $disk xfs $ID
core-tool mkfs $other ext4 $OTHER_ID
tune2fs -e continue $other >/dev/null

# Stage.
does "stage" staged stage $disk xfs noatime,nodev $stage yes
does "it is a mount" "$stage $(number $disk) / rw" at $stage
like "with the options" "$(findmnt -no OPTIONS $stage)" "nodev.*noatime"
is "the directory is the node's own" "$(stat -c %a:%u $stage)" "700:0"
does "stage again" "was staged" stage $disk xfs noatime,nodev $stage yes
is "it is mounted once" "$(findmnt -rno TARGET -S $disk | wc -l)" 1
refuses "another volume is not staged there" EBUSY "already carries another device" \
	stage $other ext4 "" $stage yes
refuses "an option that is not allowed" EINVAL '"suid"' stage $other ext4 suid $mounts/$OTHER_ID yes
does "nothing was mounted for it" nothing at $mounts/$OTHER_ID
refuses "a wrong type" EINVAL "damaged" stage $other xfs "" $mounts/$OTHER_ID yes
does "nor for that" nothing at $mounts/$OTHER_ID
ln -s /mnt $mounts/link
refuses "a link as the stage" ENOTDIR "is a link" stage $other ext4 "" $mounts/link yes
is "nothing is mounted where it points" "$(findmnt -rno TARGET /mnt)" ""
does "another stage beside it" staged stage $other ext4 "" $mounts/$OTHER_ID yes
like "ext4 becomes read-only after an error" "$(findmnt -no OPTIONS $mounts/$OTHER_ID)" "errors=remount-ro"
is "the parent was bound once" "$(findmnt -rno TARGET $mounts | wc -l)" 1
like "and is unbindable" "$(core-tool at $mounts)" " unbindable$"

# A container's recursive bind of the node's root holds no stage.
mkdir -p /tmp/container
mount --rbind / /tmp/container
mount --make-rslave /tmp/container # else its unmount is the root's too
is "a recursive bind of / has no stage" \
	"$(findmnt -rno TARGET -S $disk | grep -c ^/tmp/container)" 0
does "the device has one mount" "$stage $(number $disk) / rw" list $disk
umount -R /tmp/container

# Bind.
target=$pods/a
does "bind" bound bind $stage $disk $target rw
is "the target was made as kubelet makes it" "$(findmnt -rno TARGET $target)" $target
does "bind again" "was bound" bind $stage $disk $target rw
does "verify" "" verify $target $disk rw
refuses "it is not read-only" EROFS "mounted read-write" verify $target $disk ro
refuses "nor another disk's" ESTALE "$(number $other)" verify $target $other rw
refuses "the same target for another mode" EBUSY "already carries" bind $stage $disk $target ro
refuses "the same target for another volume" EBUSY "already carries" \
	bind $mounts/$OTHER_ID $other $target rw
ok "a pod writes" sh -c "echo hello >$target/file"
is "into data/" "$(cat $stage/data/file)" hello
is "the bind is shared, as the pods' directory is" "$(findmnt -no PROPAGATION $target)" shared
like "it keeps the stage's options" "$(findmnt -no OPTIONS $target)" "nodev.*noatime"

# Read-only, from the first moment on.
does "bind read-only" bound bind $stage $disk $pods/ro ro
does "verify" "" verify $pods/ro $disk ro
not_ok "nothing is written through it" touch $pods/ro/x
is "it is read" "$(cat $pods/ro/file)" hello
ok "the other bind still writes" touch $target/y
core-tool unmount $pods/ro
mkdir -p /tmp/trace
strace -f -o /tmp/trace/calls -e trace=open_tree,mount_setattr,move_mount,mount \
	core-tool bind $stage $disk $pods/ro ro >/dev/null 2>&1
calls=$(sed -n 's/^[0-9]* *\([a-z_]*\)(.*= [0-9].*/\1/p' /tmp/trace/calls | tr '\n' ' ')
is "it was read-only before it was attached" "$calls" "open_tree mount_setattr move_mount "
core-tool unmount $pods/ro

# A kernel without those calls.
answer=$(OLD_KERNEL=1 core-tool bind $stage $disk $pods/old rw 2>&1)
is "an old kernel binds" "$answer" bound
does "to data/" "" verify $pods/old $disk rw
answer=$(OLD_KERNEL=1 core-tool bind $stage $disk $pods/old-ro ro 2>&1)
is "and read-only" "$answer" bound
does "which it then is" "" verify $pods/old-ro $disk ro
not_ok "and nothing is written" touch $pods/old-ro/x
like "the stage's options stay" "$(findmnt -no OPTIONS $pods/old-ro)" "nodev.*noatime"
umount $pods/old $pods/old-ro

# Links and mounts in the way.
mkdir $pods/real
ln -s real $pods/link
refuses "a target that is a link" ENOTDIR "is a link" bind $stage $disk $pods/link rw
does "nothing was mounted where it points" nothing at $pods/real
touch $pods/plain
refuses "a target that is a file" ENOTDIR "no directory" bind $stage $disk $pods/plain rw
refuses "a target without a parent" ENOENT "cannot make the target" bind $stage $disk $pods/none/x rw
other_stage=$mounts/$OTHER_ID
mv $other_stage/data $other_stage/real
refuses "a volume without data/" ENOENT "no data/" bind $other_stage $other $pods/x rw
ok "the target that was made for it is gone" test ! -e $pods/x
ln -s real $other_stage/data
refuses "data that is a link into the volume" ENOTDIR "no link" bind $other_stage $other $pods/x rw
rm $other_stage/data
ln -s /etc $other_stage/data
refuses "data that is a link out of it" ENOTDIR "no link" bind $other_stage $other $pods/x rw
answer=$(OLD_KERNEL=1 core-tool bind $other_stage $other $pods/x rw 2>&1)
like "the same on an old kernel" "$answer" "^ENOTDIR: .*no link"
rm $other_stage/data
mkdir $other_stage/data
mount -t tmpfs none $other_stage/data
refuses "data with another mount on it" EXDEV "data" bind $other_stage $other $pods/x rw
umount $other_stage/data
refuses "a stage that is not mounted" ESTALE "carries device" bind $pods/real $other $pods/x rw
does "in the end it binds" bound bind $other_stage $other $pods/x rw

# Unmount.
exec 7<$target/file
refuses "a target in use is not unmounted" EBUSY "process $$ \(bash\)" unmount $target
does "it is still there" "" verify $target $disk rw
exec 7<&-
does "unmount" "" unmount $target
does "unmount again" "" unmount $target
ok "the directory stays" test -d $target
does "no such directory" "" unmount $pods/none
ln -s x $pods/link-to-x
does "a link to a mount is not followed" "" unmount $pods/link-to-x
does "that mount is still there" "" verify $pods/x $other rw
does "unmount it" "" unmount $pods/x
does "unstage" "" unmount $stage
does "and the other" "" unmount $other_stage

# A file system that is mounted there although nobody bound the parent first: it is not hidden.
umount $mounts
does "stage without the parent" staged stage $other ext4 "" $other_stage no
does "then one with" staged stage $disk xfs "" $stage yes
does "the first is still in sight" "$other_stage $(number $other) / rw" at $other_stage
ok "with its content" test -d $other_stage/data
does "unstage both" "" unmount $stage
does "unstage both" "" unmount $other_stage

# Two at once bind the parent once.
for n in 1 2 3; do
	core-tool stage $disk xfs "" $stage yes >/tmp/one &
	core-tool stage $other ext4 "" $other_stage yes >/tmp/two &
	wait
	is "two at once, turn $n" "$(cat /tmp/one /tmp/two | tr '\n' ' ')" "staged staged "
	is "one parent" "$(findmnt -rno TARGET $mounts | wc -l)" 1
	ok "both are in sight" test -d $stage/data -a -d $other_stage/data
	core-tool unmount $stage
	core-tool unmount $other_stage
	umount $mounts
done

# A disk is pulled while it is staged, and put back: it has another number.
core-tool stage $disk xfs "" $stage yes
core-tool failfast xfs $disk
core-tool bind $stage $disk $target rw
dead=$(number $disk)
dd if=/dev/zero of=$target/big bs=1M count=10 status=none
vm unplug --surprise nvme0
does "the device is gone" gone gone "$dead"
does "its mounts are not" "$stage $dead / rw" at $stage
vm plug nvme0
disk=$(vm dev nvme0)
isnt "the disk has a new number" "$(number "$disk")" "$dead"
refuses "a pod still uses the dead one" EBUSY "$target" stage "$disk" xfs "" $stage yes
ok "the pod goes, within seconds" timeout 20 core-tool unmount $target
does "then the dead stage is replaced" staged stage "$disk" xfs "" $stage yes
does "by the living one" "$stage $(number "$disk") / rw" at $stage
does "nothing of the dead one is left" "" list "$dead"
ok "it works" touch $stage/data/alive
does "bind" bound bind $stage "$disk" $target rw
does "unmount" "" unmount $target
does "unstage" "" unmount $stage
done_testing
