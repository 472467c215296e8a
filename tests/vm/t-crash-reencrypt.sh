#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A power cut during "solodisk reencrypt" of a mounted volume: afterwards a pod finds its data, all of them, and
# the same command finishes. Tried after every write of the LUKS2 header, and after some of the thousands of others.
# vm: --disk scsi,name=rec,size=64M,lbs=4096,log=rec.log --disk scsi,name=try,size=64M,lbs=4096
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/crash.sh"

content=/tmp/content
head -c 36M /dev/urandom >$content

install_driver false
new_key one >/dev/null
id=$(prepare /dev/sda --filesystem ext4 --encrypt luks2 --key file:one)
one=$(options "$id" pv encryption=luks2 key=file:one)
target=$(pod 1)
succeeds "mount" mount "$target" "$one"
cp $content "$target/marker"
used=$(requests)
ok "reencrypt" solodisk reencrypt --key file:one sda
done=$(requests)
succeeds "unmount" unmount "$target"
recorded

crash_trial "a pod finds its data all the time, and the same command finishes" reencrypt "$used" "$done" \
	--driver "$DRIVER" --target "$target" --words "$one" --more one --keeps $content \
	--sample 1 --often 20 --damaged --head 18 --tables 6 --inside 2
done_testing
