#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The test guest with systemd-udevd.
#
# vm: --udev --disk nvme --disk scsi --disk virtio,serial=V3
. "$SRC/tests/vm/lib.sh"

ok "udevd runs" pgrep systemd-udevd
ok "NVMe has its link" test /dev/disk/by-id/nvme-eui.5254000000000101 -ef /dev/nvme0n1
ok "SCSI has its link" test /dev/disk/by-id/wwn-0x5000c50000000102 -ef /dev/sda
ok "virtio has its link" test /dev/disk/by-id/virtio-V3 -ef /dev/vda
echo 'name=label' | sfdisk -q -X gpt /dev/nvme0n1
udevadm settle
ok "a partition gets its link" test /dev/disk/by-partlabel/label -ef /dev/nvme0n1p1
ok "a pulled disk" vm unplug --surprise nvme0
udevadm settle
not_ok "loses its links" test -e /dev/disk/by-partlabel/label
ok "a plugged disk" vm plug nvme0
ok "gets them again" eventually 10 test /dev/disk/by-partlabel/label -ef /dev/nvme0n1p1
ok "device-mapper with udev" dmsetup create probe --table "0 2048 linear /dev/sda 0"
ok "has its node" test -b /dev/mapper/probe
dmsetup remove probe
done_testing
