#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks that fail, or vanish, in each step of prepare and erase: the command ends and says why, so do
# list and the log, the volume is failed where that can be written, and no mapping, lock or process is
# left.
#
# vm: --disk scsi,name=a,size=330M --disk scsi,name=b,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/fault.sh"

PART=2048                    # the partition's first sector
INSIDE=$((PART + 32 * 1024)) # of what LUKS2 has inside: its header takes 16 MiB
AG=167936                    # the second of the four allocation groups that mkfs.xfs makes
LUKS_AG=159744               # and in LUKS2
install_driver false
key=$(new_key tenant)
luks=(--encrypt luks2 --key file:tenant)

# Prepare
ends "the table" 1 "" a "cannot|could not" \
	"vm errors a on write 1" solodisk prepare sda --yes --filesystem xfs
ends "clearing the edges" 1 failed a "cannot clear the edges" \
	"vm errors a on write $PART" solodisk prepare sda --yes --filesystem xfs
ends "mkfs" 1 failed a "mkfs.xfs failed" \
	"vm errors a on write $((PART + AG))" solodisk prepare sda --yes --filesystem xfs
ends "luksFormat" 1 failed a "LUKS" \
	"vm errors a on write $((PART + 8192))" solodisk prepare sda --yes --filesystem xfs "${luks[@]}"
ends "mkfs in LUKS2" 1 failed a "mkfs.xfs failed" \
	"vm errors a on write $((INSIDE + LUKS_AG))" solodisk prepare sda --yes --filesystem xfs "${luks[@]}"
after_mkfs "vm errors a on read $PART"
ends "the filesystem cannot be read back" 1 failed a "could not be read|cannot read" \
	true solodisk prepare sda --yes --filesystem xfs
after_mkfs "vm errors a on write 1"
ends "the mark" 1 preparing a "could not be changed to \"ready\"|cannot write" \
	true solodisk prepare sda --yes --filesystem xfs
ok "after the mark: the same command goes on" solodisk prepare sda --yes --filesystem xfs
free a

# The disk vanishes while mkfs writes to it.
for more in "" "${luks[*]}"; do
	during_mkfs "vm unplug a"
	# shellcheck disable=SC2086 # words
	gone "mkfs${more:+ in LUKS2}" a solodisk prepare sda --yes --filesystem xfs $more
	vm plug a
	is "mkfs${more:+ in LUKS2}: put back, it is known for what it is" "$(state_of /dev/sda)" preparing
	# shellcheck disable=SC2086
	ok "and the same command goes on" solodisk prepare sda --yes --filesystem xfs $more
	free a
done

# Erase
used ext4
ends "the change to erasing" 1 used b "could not be changed to \"erasing\"|cannot write" \
	"vm errors b on write 1" solodisk erase sdb --yes --method zero
ends "overwriting" 1 failed b "overwrite: cannot (over)?write" \
	"vm errors b on all $((PART + 60000))" solodisk erase sdb --yes --method zero
used ext4
# What is read back is a sample, one place of each equal part: some of these sectors are among them.
SAMPLED=$(seq -s " " $((PART + 60000)) 8 $((PART + 60400)))
ends "reading back" 1 failed b "cannot read|could not be read" \
	"vm errors b on read $SAMPLED" solodisk erase sdb --yes --method zero
used ext4
ends "a discard" 1 failed b "cannot discard" \
	"vm errors b on discard $((PART + 60000))" solodisk erase sdb --yes --method discard
used ext4 "${luks[@]}"
ends "destroying the key" 1 failed b "cannot write|cannot overwrite" \
	"vm errors b on write $((PART + 8))" solodisk erase sdb --yes --method crypto --key file:tenant
used ext4
vm throttle b 5000000
ok "erase is at work" begin solodisk erase sdb --yes --method zero
vm unplug b
ok "erase: its disk vanishes, it ends" eventually 30 sh -c "! kill -0 $pid 2>/dev/null"
wait "$pid"
is "erase: it has failed" $? 1
like "erase: says why" "$(cat /tmp/begun)" "cannot|gone|not there|could not"
note "$(cat /tmp/begun)"
no_leftovers "erase, its disk gone: nothing is left"
vm throttle b 0
vm plug b
is "erase: put back, it is erasing still" "$(state_of /dev/sdb)" erasing
ok "erase: the same command finishes it" solodisk erase sdb --yes --method zero
is "erase: it is ready" "$(state_of /dev/sdb)" ready
no_leftovers "at the end nothing is left"
done_testing
