#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The node tool's command line: help, usage, exit codes, JSON, and what it shows of a recorded tree.
. "$(dirname "$0")/lib.sh"

SOLODISK=$BUILD/solodisk
requires "$SOLODISK"
ROOT=$TMP/root
ID=1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d
TYPE=C2B0E314-76AD-4578-A8B0-A0C361A991D7

# add_disk NAME MINOR MIB WWID: an empty disk of the recorded tree.
add_disk() {
	local sys=$ROOT/sys/block/$1
	mkdir -p "$sys/queue" "$sys/device" "$sys/holders" "$ROOT/dev"
	echo "259:$2" >"$sys/dev"
	echo $(($3 * 2048)) >"$sys/size"
	echo "$4" >"$sys/wwid"
	echo 0 >"$sys/removable"
	echo 0 >"$sys/ro"
	echo 0 >"$sys/hidden"
	echo 512 >"$sys/queue/logical_block_size"
	echo 0 >"$sys/queue/rotational"
	echo none >"$sys/queue/zoned"
	echo "Test Disk" >"$sys/device/model"
	echo "SERIAL$2" >"$sys/device/serial"
	ln -s "../../block/$1" "$ROOT/sys/class/block/$1"
	truncate -s "$3M" "$ROOT/dev/$1"
}

# add_partition DISK MINOR START SIZE: number 1, in sectors, as the kernel would show it.
add_partition() {
	local sys=$ROOT/sys/block/$1/${1}p1
	mkdir -p "$sys/holders"
	echo 1 >"$sys/partition"
	echo "259:$2" >"$sys/dev"
	echo "$3" >"$sys/start"
	echo "$4" >"$sys/size"
	ln -s "../../block/$1/${1}p1" "$ROOT/sys/class/block/${1}p1"
}

# add_volume DISK STATE: a table as prepare makes it, and ext4 in the partition.
add_volume() {
	sfdisk -q "$ROOT/dev/$1" <<-END
		label: gpt
		start=2048, size=126976, type=$TYPE, uuid=$ID, name="solodisk-$2-${ID%%-*}"
	END
	truncate -s 62M "$ROOT/dev/${1}p1"
	mkfs.ext4 -q -U $ID "$ROOT/dev/${1}p1"
}

tool() {
	"$SOLODISK" --sysroot "$ROOT" "$@"
}

# output COMMAND...: sets $out (stdout), $err (stderr) and $status.
output() {
	out=$("$@" 2>"$TMP/err")
	status=$?
	err=$(<"$TMP/err")
}

# disk NAME PATH: of the list, by jq.
disk() {
	jq -r --arg n "$1" ".disks[] | select(.name == \$n) | $2" <<<"$list"
}

mkdir -p "$ROOT/sys/class/block" "$ROOT/sys/dev/block" "$ROOT/proc/self/ns" "$ROOT/run" "$ROOT/etc"
: >"$ROOT/proc/swaps"
ln -s "pid:[4026531836]" "$ROOT/proc/self/ns/pid" # the node's own namespace, where all are seen
ln -s "mnt:[4026531841]" "$ROOT/proc/self/ns/mnt"
echo "1 0 0:1 / / rw - tmpfs tmpfs rw" >"$ROOT/proc/self/mountinfo"

# Help and usage

output "$SOLODISK" help
is "help" "$status:$err" "0:"
like "it lists the commands and the exit codes" "$out" "list .*prepare .*erase .*Exit status: 0 done"
is "--help is the same" "$("$SOLODISK" --help)" "$out"
for command in list show prepare erase release rotate reencrypt header pv adopt grow; do
	output "$SOLODISK" $command --help
	is "$command --help" "$status:$err" "0:"
	like "it shows the usage" "$out" "^Usage: solodisk $command .*--json"
	is "help $command is the same" "$("$SOLODISK" help $command)" "$out"
	output "$SOLODISK" $command --colour
	is "$command: unknown option" "$status:$out" "2:"
	is "it is named, once" "$err" \
		"solodisk: --colour is no option here (see \"solodisk $command --help\")"
done
like "--version" "$("$SOLODISK" --version)" "^solodisk [0-9]+\.[0-9]"
is "--version of a command" "$("$SOLODISK" list --version)" "$("$SOLODISK" --version)"
exits "no command" 2 "$SOLODISK"
exits "unknown command" 2 "$SOLODISK" format
exits "help for an unknown command" 2 "$SOLODISK" help format
exits "an option without its argument" 2 "$SOLODISK" prepare --filesystem
exits "show without a disk" 2 "$SOLODISK" show
exits "show of two" 2 "$SOLODISK" show a b
exits "prepare without a filesystem" 2 "$SOLODISK" prepare nvme0n1
exits "prepare with an unknown filesystem" 2 "$SOLODISK" prepare --filesystem btrfs nvme0n1
exits "prepare without a disk" 2 "$SOLODISK" prepare --filesystem xfs
exits "a key without encryption" 2 "$SOLODISK" prepare --filesystem xfs --key file:a nvme0n1
exits "encryption without a key" 2 "$SOLODISK" prepare --filesystem xfs --encrypt luks2 nvme0n1
exits "unknown encryption" 2 "$SOLODISK" prepare --filesystem xfs --encrypt rot13 nvme0n1
exits "--force without --wwid" 2 "$SOLODISK" prepare --filesystem xfs --force nvme0n1
exits "--jobs without a number" 2 "$SOLODISK" prepare --filesystem xfs --yes --jobs many nvme0n1
exits "--jobs 0" 2 "$SOLODISK" release --yes --jobs 0 nvme0n1
exits "erase with an unknown method" 2 "$SOLODISK" erase --method shred nvme0n1
exits "erase with a key and --no-prepare" 2 \
	"$SOLODISK" erase --no-prepare --key file:a nvme0n1
exits "pv for half a claim" 2 "$SOLODISK" pv --claim team/ nvme0n1
exits "adopt for an impossible claim" 2 "$SOLODISK" adopt --claim 'team/A b' nvme0n1
exits "adopt of nothing" 2 "$SOLODISK" adopt
exits "adopt with a key but not from where" 2 "$SOLODISK" adopt --key-file /tmp/key nvme0n1
exits "grow of two" 2 "$SOLODISK" grow a b
exits "rotate without a new key" 2 "$SOLODISK" rotate --key file:a nvme0n1
exits "rotate without the old one" 2 "$SOLODISK" rotate --new-key file:a nvme0n1
exits "rotate of two" 2 "$SOLODISK" rotate --key file:a --new-key file:b nvme0n1 nvme1n1
exits "rotate, both keys from stdin" 2 "$SOLODISK" rotate --key-file - --new-key-file - nvme0n1
exits "rotate with an unknown KDF" 2 "$SOLODISK" rotate --kdf md5 nvme0n1
exits "reencrypt without a key" 2 "$SOLODISK" reencrypt nvme0n1
exits "header of nothing" 2 "$SOLODISK" header
exits "header shredded" 2 "$SOLODISK" header shred nvme0n1
exits "header repair with a file" 2 "$SOLODISK" header repair nvme0n1 file
exits "header backup without a file" 2 "$SOLODISK" header backup --allow-revoked-keys nvme0n1
exits "header backup without a word" 3 "$SOLODISK" header backup nvme0n1 file
exits "header restore without a key" 2 \
	"$SOLODISK" header restore --allow-revoked-keys nvme0n1 file
exits "pv with half a Secret" 2 "$SOLODISK" pv --key secret:key nvme0n1
exits "pv with an unknown policy" 2 "$SOLODISK" pv --reclaim Recycle nvme0n1
output "$SOLODISK" prepare --json --filesystem xfs
is "a usage error in JSON" \
	"$status:$(jq -r '.event + " " + (.exit | tostring)' <<<"$out"):$err" "2:error 2:"

# A recorded tree

add_disk nvme0n1 0 64 eui.01
add_disk nvme1n1 1 64 eui.02
add_volume nvme1n1 ready
add_partition nvme1n1 9 2048 126976
add_disk nvme2n1 2 64 eui.03
mkfs.ext4 -q "$ROOT/dev/nvme2n1"
add_disk nvme10n1 3 64 eui.04
output tool list --json
is "list of a recorded tree" "$status:$err" "0:"
list=$out
is "disks in the order of their names" "$(jq -r '.disks[].name' <<<"$list" | xargs)" \
	"nvme0n1 nvme1n1 nvme2n1 nvme10n1"
is "a blank disk" "$(disk nvme0n1 '.state, .mayBePrepared')" $'blank\ntrue'
is "its identity" "$(disk nvme0n1 '.wwid, .model, .serial, .size')" \
	$'eui.01\nTest Disk\nSERIAL0\n67108864'
is "a volume" "$(disk nvme1n1 '.state, .mayBePrepared, .volume.id, .volume.filesystem')" \
	$'ready\nfalse\n'"$ID"$'\next4'
is "another's disk" "$(disk nvme2n1 '.state, .mayBePrepared')" $'foreign\nfalse'
like "says what it holds" "$(disk nvme2n1 .note)" "ext4"
output tool list
is "as a table: one line a disk" "$status:$(wc -l <<<"$out")" "0:5"
like "with the sizes for people" "$out" "nvme0n1 +64M .*blank"
like "--bytes" "$(tool list --bytes nvme0n1)" "nvme0n1 +67108864 "
is "one disk alone" "$(tool list --json eui.03 | jq -r '.disks[].name')" nvme2n1
output tool list nvme7n1
is "no such disk" "$status:$out" "4:"
like "the error is on stderr" "$err" "^solodisk: .*nvme7n1"

for word in nvme1n1 "$ID" "solodisk.$ID" "${ID^^}" eui.02; do
	is "show $word" "$(tool show --json "$word" | jq -r '.name, .volume.id, .table.agree')" \
		$'nvme1n1\n'"$ID"$'\ntrue'
done
like "show for people" "$(tool show nvme1n1)" "State +ready.*they agree.*Filesystem +ext4"
exits "show of no volume" 4 tool show 00000000-1111-4222-8333-444444444444
dd if=/dev/zero of="$ROOT/dev/nvme1n1" bs=512 seek=1 count=1 conv=notrunc status=none
before=$(sha256sum "$ROOT/dev/nvme1n1")
is "a torn table is seen" "$(tool show --json nvme1n1 | jq -r '.state, .volume.tableNeedsRepair')" \
	$'ready\ntrue'
is "also by its volume ID" "$(tool show --json "$ID" | jq -r .table.primary)" absent
is "and looking repairs nothing" "$(sha256sum "$ROOT/dev/nvme1n1")" "$before"
echo "2 1 259:9 / /mnt/data rw - ext4 /dev/nvme1n1p1 rw" >>"$ROOT/proc/self/mountinfo"
is "where it is mounted" "$(tool show --json nvme1n1 | jq -r '.volume.mounts[]')" /mnt/data
for command in "prepare --filesystem xfs --yes" "erase --yes" "release --yes" adopt grow \
	"reencrypt --key file:a" "rotate --key file:a --new-key file:b" "header repair"; do
	# shellcheck disable=SC2086 # words
	exits "a recorded tree is only for looking: ${command%% *}" 2 tool $command nvme1n1
done
is "so no byte of it changed" "$(sha256sum "$ROOT/dev/nvme1n1")" "$before"

# The PersistentVolume

pv=$(tool pv --node Node1 --storage-class fast nvme1n1)
is "its name" "$(jq -r .metadata.name <<<"$pv")" "solodisk.$ID"
is "its driver and options" "$(jq -c '.spec.flexVolume' <<<"$pv")" \
	"{\"driver\":\"solodisk/disk\",\"fsType\":\"ext4\",\"options\":{\"volumeID\":\"$ID\",\"wwid\":\"eui.02\"}}"
is "its node" "$(jq -r '.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0] |
	.key + "=" + .values[0]' <<<"$pv")" "kubernetes.io/hostname=Node1"
is "capacity, class, policy, mode" "$(jq -r '.spec | .capacity.storage, .storageClassName,
	.persistentVolumeReclaimPolicy, .accessModes[0]' <<<"$pv" | xargs)" \
	"65011712 fast Retain ReadWriteOnce"
unlike "the provisioner is not Kubernetes' own" \
	"$(jq -r '.metadata.annotations["pv.kubernetes.io/provisioned-by"]' <<<"$pv")" "^kubernetes.io/|null"
is "for any claim" "$(jq -c .spec.claimRef <<<"$pv")" null
is "or for one alone" "$(tool pv --claim team/data nvme1n1 | jq -c .spec.claimRef)" \
	'{"apiVersion":"v1","kind":"PersistentVolumeClaim","namespace":"team","name":"data"}'
exits "a plain volume takes no key" 3 tool pv --key file:a nvme1n1
exits "no volume, no PersistentVolume" 3 tool pv nvme0n1
sfdisk -q --part-label "$ROOT/dev/nvme1n1" 1 "solodisk-used-${ID%%-*}" 2>"$TMP/sfdisk"
exits "one with a tenant's data is not published" 3 tool pv nvme1n1
like "adopt does that" "$(tool pv nvme1n1 2>&1)" "solodisk adopt"
sfdisk -q --part-label "$ROOT/dev/nvme1n1" 1 "solodisk-erasing-${ID%%-*}"
exits "one that is being erased never is" 3 tool pv nvme1n1

# Without root

if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$TMP"
	chmod 600 "$ROOT"/dev/*
	run_as="setpriv --reuid 65534 --clear-groups"
	cp "$SOLODISK" "$TMP/solodisk"
else
	chmod 000 "$ROOT"/dev/*
	run_as="env"
	cp "$SOLODISK" "$TMP/solodisk"
fi
# shellcheck disable=SC2086 # words
output $run_as "$TMP/solodisk" --sysroot "$ROOT" list --json
is "list without root" "$status:$err" "0:"
list=$out
is "tells what it is" "$(disk nvme0n1 '.wwid, .state, .mayBePrepared')" $'eui.01\nunknown\nfalse'
is "and why no more" "$(disk nvme0n1 .note)" "could not tell: needs root"
like "and what is mounted" "$(disk nvme1n1 .note)" "nvme1n1p1 is mounted at /mnt/data"

done_testing
