#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A node is lost and made anew, its disks are not: adopt takes back the volumes with their data, and
# refuses what a pod should not get.
# vm: --disk scsi,name=a,size=320M --disk nvme,name=b,size=96M --disk nvme,name=c,size=96M
# vm: --disk scsi,name=twin1,size=64M,wwn=0x5000c50000000777 --disk scsi,name=twin2,size=64M,wwn=0x5000c50000000777
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"

install_driver false
A=$(pod 1) B=$(pod 2) C=$(pod 3)

# write DIR NAME: a tenant's data, and its checksums where they survive.
write() {
	head -c 3M /dev/urandom >"$1/one"
	mkdir "$1/more" && head -c 70001 /dev/urandom >"$1/more/two"
	(cd "$1" && sha256sum one more/two) >"$STATE/$2.sums"
}

# adopt NAME FILE ARGUMENT...: succeeds; the PersistentVolume is in FILE, what it says in $said.
adopt() {
	local name=$1 file=$2
	shift 2
	solodisk adopt "$@" >"$file" 2>/tmp/said
	is "$name" "$?" 0 || note "$(cat /tmp/said)"
	said=$(cat /tmp/said)
}

# own_options FILE: what kubelet makes of the PersistentVolume for the driver.
own_options() {
	jq -c '.spec.flexVolume.options + {"kubernetes.io/pvOrVolumeName": .metadata.name} +
		if .spec.flexVolume.fsType then {"kubernetes.io/fsType": .spec.flexVolume.fsType} else {} end' "$1"
}

if [ "$BOOT" = 1 ]; then
	(umask 077 && head -c 64 /dev/urandom >"$STATE/key")
	a=$(prepare /dev/sda --filesystem xfs)
	b=$(prepare /dev/nvme0n1 --filesystem ext4 --encrypt luks2 --key-file "$STATE/key")
	c=$(prepare /dev/nvme1n1 --filesystem ext4)
	echo "$a $b $c" >"$STATE/ids"
	refused "a volume that was never used" c "never used.*solodisk pv" solodisk adopt nvme1n1
	succeeds "mount a" mount "$A" "$(options "$a" pv)"
	succeeds "mount b" mount "$B" "$(luks_options "$b" "$STATE/key" pv)"
	succeeds "mount c" mount "$C" "$(options "$c" pv)"
	write "$A" a
	write "$B" b
	write "$C" c
	sync
	succeeds "the tenant of a goes, the others write on" unmount "$A"
	echo more >"$C/unfinished"
	# One copy of c's table is lost: the kernel will not show its partition.
	dd if=/dev/zero of=/dev/nvme1n1 bs=512 seek=1 count=1 conv=fsync status=none
	vm power-cut
fi

# The new node: nothing of the old one is on it.

read -r a b c <"$STATE/ids"
not_ok "no records" test -e /run/solodisk
not_ok "no keys" test -e /etc/solodisk
not_ok "the kernel does not show c's partition" test -e /sys/block/nvme1n1/nvme1n1p1
before=$(digests a)
adopt "adopt a" /tmp/a.json --claim team/data --node worker-7 sda
like "it says what it is" "$said" "^sda: volume $a, used, xfs, 318M: its data is kept$"
is "no byte changed" "$(digests a)" "$before"
is "its PersistentVolume" "$(jq -c '[.metadata.name, .metadata.annotations["solodisk.io/adopted"],
	(.spec | .persistentVolumeReclaimPolicy, .claimRef.namespace, .claimRef.name, .flexVolume.fsType,
	.capacity.storage)]' /tmp/a.json)" \
	"[\"solodisk.$a\",\"true\",\"Retain\",\"team\",\"data\",\"xfs\",\"$((318 << 20))\"]"
adopt "again, by its volume ID" /tmp/again.json --claim team/data --node worker-7 "$a"
ok "it is the same" cmp /tmp/a.json /tmp/again.json

refused "an encrypted one without a word on its key" b "where will its key come from" solodisk adopt nvme0n1
adopt "its key unseen" /tmp/b.json --key secret:key --secret team/keys nvme0n1
like "it says so" "$said" "used, LUKS2, .*no key was tried"
is "what is inside cannot be told" "$(jq -c '.spec.flexVolume.fsType' /tmp/b.json)" null
(umask 077 && head -c 64 /dev/urandom >/tmp/wrong)
refused "a wrong key" b "wrong key for" \
	solodisk adopt --key secret:key --secret team/keys --key-file /tmp/wrong nvme0n1
refused "a key file that the new node does not have" b "/etc/solodisk/keys/tenant" \
	solodisk adopt --key file:tenant nvme0n1
before=$(digests b)
adopt "the right key" /tmp/b.json --key secret:key --secret team/keys --key-file "$STATE/key" "solodisk.$b"
like "it opens, and ext4 was not unmounted" "$said" \
	"used, ext4 in LUKS2, .*the key opens it.*not unmounted cleanly"
is "no byte changed" "$(digests b)" "$before"
is "and it is closed again" "$(leftovers)" ""

adopt "adopt c, whose table is torn" /tmp/c.json nvme1n1
like "it says what was done" "$said" "used, ext4, 94M.*partition table was mended.*not unmounted cleanly"
like "both copies are whole" "$(sgdisk -v /dev/nvme1n1 2>&1)" "No problems found"
before=$(digests c)
adopt "again" /tmp/again.json nvme1n1
unlike "nothing to mend" "$said" "mended"
ok "it is the same" cmp /tmp/c.json /tmp/again.json
is "no byte changed" "$(digests c)" "$before"

# The PersistentVolumes' own options serve.

succeeds "mount a" mount "$A" "$(own_options /tmp/a.json)"
secret=$(base64 -w0 "$STATE/key")
own=$(own_options /tmp/b.json)
succeeds "mount b" mount "$B" "${own%\}},\"kubernetes.io/secret/key\":\"$secret\"}"
succeeds "mount c" mount "$C" "$(own_options /tmp/c.json)"
for pair in "$A:a" "$B:b" "$C:c"; do
	ok "the data of ${pair##*:} is as it was" sh -c "cd '${pair%:*}' && sha256sum -c '$STATE/${pair##*:}.sums'"
done
adopt "adopted while it is mounted" /tmp/again.json --key secret:key --secret team/keys nvme0n1
like "it says where" "$said" "ext4 in LUKS2.*mounted at "
for target in "$A" "$B" "$C"; do
	succeeds "unmount" unmount "$target"
done
no_leftovers

# What a pod should not get

debugfs -w -R "set_super_value state 2" /dev/nvme1n1p1 2>/tmp/debugfs
refused "ext4 that notes an error" c "notes that it is damaged.*e2fsck" solodisk adopt nvme1n1
debugfs -w -R "set_super_value state 1" /dev/nvme1n1p1 2>/tmp/debugfs
sfdisk -q --dump /dev/nvme1n1 >/tmp/dump
sed "s/size= *[0-9]*/size=40960/" /tmp/dump | sfdisk -q /dev/nvme1n1
refused "a filesystem larger than its partition" c "takes 98566144 bytes, but has only 20971520" \
	solodisk adopt nvme1n1
sfdisk -q /dev/nvme1n1 </tmp/dump
adopt "as it was" /tmp/again.json nvme1n1
grep -v "^last-lba\|^device\|^unit" /tmp/dump | sed "s/size= *[0-9]*/size=40960/" | sfdisk -q /dev/sdb
refused "a volume on two disks" c "on both sdb and nvme1n1|on both nvme1n1 and sdb" solodisk adopt nvme1n1
refused "nor the other one" twin1 "the WWID of sdb too" solodisk adopt sdb
sfdisk -q --delete /dev/sdb
dd if=/dev/zero of=/dev/nvme1n1p1 bs=1M count=1 oflag=direct status=none
refused "one without a superblock" c "holds nothing that is known.*e2fsck -n" solodisk adopt nvme1n1
for pair in "preparing:holds nothing; .solodisk prepare" "erasing:not whole any more; .solodisk erase" \
	"failed:solodisk release --failed"; do
	sfdisk -q --part-label /dev/nvme1n1 1 "solodisk-${pair%%:*}-${c%%-*}"
	refused "state ${pair%%:*}" c "${pair#*:}" solodisk adopt nvme1n1
done
refused "a disk without a volume" twin2 "carries no volume" solodisk adopt sdc
is "no such volume" "$(solodisk adopt "00000000-1111-4222-8333-444444444444" >/tmp/out 2>&1; echo $?)" 4
no_leftovers
answers_are_json
done_testing
