#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent and disks in block mode, against a real API server: reserved, marked used, let go; killed between any
# two of these; erased for the next tenant, but not while somebody has the device open.
# vm: --apiserver --disk scsi,size=80M --disk scsi,size=80M --udev
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"
. "$SRC/tests/vm/agent.sh"

install_driver false
configure '{"pools": [
	{"name": "raw", "storageClass": "raw", "disks": [{"serial": ["SOLO0001"]}], "volumeMode": "Block",
	 "prepare": "automatic", "reclaimPolicy": "Delete"},
	{"name": "secret", "storageClass": "s", "disks": [{"serial": ["SOLO0002"]}], "filesystem": "ext4", "encryption": "luks2",
	 "key": "secret:k", "secretRef": {"namespace": "storage", "name": "key"}, "reclaimPolicy": "Delete"}]}'
# Somebody's data in the midst of a disk whose ends are zeros, which counts as blank.
dd if="$marker" of=/dev/sda bs=1M seek=20 conv=fsync 2>/dev/null
# What is deleted is gone at once: no controller runs that would drop a finalizer.
ok "API server, Nodes, rights" start_world --disable-admission-plugins=StorageObjectInUseProtection

is_published() {
	local id
	id=$(volume_of /dev/sda)
	[ "$(state_of /dev/sda)" = used ] && [ "$id" != "${1-}" ] &&
		[ "$(pv_field "$id" '.metadata.annotations["solodisk.io/not-marked-yet"] // "" | length' 2>/dev/null)" = 0 ]
}

# From blank to published

start_agent
ok "a blank disk is prepared, marked and published" eventually 180 is_published || { agent_log; exit 1; }
first=$(volume_of /dev/sda)
object=$(api GET "$PVS/solodisk.$first")
field() {
	jq -r "$1" <<<"$object"
}
is "with mode, path and class" "$(field '.spec | [.volumeMode, .local.path, .storageClassName, .persistentVolumeReclaimPolicy] | join(" ")')" \
	"Block /dev/disk/by-partuuid/$first raw Delete"
is "its size" "$(field .spec.capacity.storage)" "$(blockdev --getsize64 /dev/sda1)"
is "its node" "$(field '.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]')" host-a
is "and for any claim" "$(field '.spec.claimRef')" null
is "its path is the partition" "$(readlink -f "$(field .spec.local.path)")" /dev/sda1
is "of which all is zeros, whatever was on the disk" "$(found "$marker" /dev/sda)" 0
ok "which is told" has_event Published "PersistentVolume solodisk.$first: the volume is marked used"

# A tenant, who makes LUKS on it: that is the tenant's, and only a part.

bind "$first" claim-1
dd if="$marker" of=/dev/sda1 bs=1M seek=30 conv=fsync 2>/dev/null
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/sda1 "$marker" --disable-locks ||
	note "no LUKS"
sync /dev/sda1
exec 9</dev/sda1
release "$first"
ok "while it is open it is not erased, and an event says by whom" \
	eventually 60 has_event DiskFailed "volume $first is in use: process [0-9]+ \(.*\) has it open" || agent_log
is "nor marked" "$(volume_of /dev/sda) $(state_of /dev/sda)" "$first used"
is "nor is a byte of the tenant's gone" "$(found "$marker" /dev/sda)" 1
vm throttle scsi0 4000000
exec 9<&-
has_progress() {
	[[ $(pv_field "$first" '.metadata.annotations["solodisk.io/erase-progress"] // ""' 2>/dev/null) =~ ^[a-z\ ]+:\ [0-9]+%$ ]]
}
ok "while that lasts the object says how far it is" eventually 120 has_progress || agent_log
like "and the numbers do" "$(curl -s http://127.0.0.1:9095/metrics)" "solodisk_erase_progress[a-z_]*\{[^}]*\"$first\"\} 0\.[0-9]+"
vm throttle scsi0 0
ok "then it is erased and published under a new ID" eventually 180 is_published "$first" || agent_log
ok "the old object is gone" no_pv "$first"
second=$(volume_of /dev/sda)
is "without a trace of the tenant" "$(found "$marker" /dev/sda)" 0
is "or of its LUKS" "$(blkid -p -o value -s TYPE /dev/sda1)" ""
stop_agent

# Killed at each step: the API server has the object, the disk its mark, and they lead on.

# reserve: the object as it is before the mark.
reserve() {
	api PATCH "$PVS/solodisk.$second" '{"metadata": {"annotations": {"solodisk.io/not-marked-yet": "true"}},
		"spec": {"claimRef": {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": "solodisk-reserved",
		"name": "'"$second"'"}}}' >/dev/null
}
ok "as if it had been killed behind the mark" reserve
dd if="$marker" of=/dev/sda1 bs=1M seek=30 conv=fsync 2>/dev/null
start_agent
ok "it is let go" eventually 60 is_published || agent_log
is "and was not erased" "$(volume_of /dev/sda) $(found "$marker" /dev/sda)" "$second 1"
is "for any claim" "$(pv_field "$second" .spec.claimRef)" null

# Killed for real, at some moment of the way from the release to the next publication.
for seconds in 0.5 1.5 3; do
	id=$(volume_of /dev/sda)
	bind "$id" claim-2 && release "$id"
	sleep $seconds
	kill_agent
	note "killed after $seconds s: $(state_of /dev/sda), objects: $(pvs)"
	start_agent
	ok "killed on its way, it comes to the end" eventually 180 is_published "$id" || agent_log
	is "with one object" "$(pvs)" "solodisk.$(volume_of /dev/sda) "
done
is "and no trace of anybody" "$(found "$marker" /dev/sda)" 0

# Without an object it is an operator's

third=$(volume_of /dev/sda)
api DELETE "$PVS/solodisk.$third" >/dev/null
ok "deleted by hand it stays away" eventually 60 has_event VolumeWithoutPV "volume $third has a tenant's data"
is "and is not published" "$(pvs)" ""
solodisk adopt sda --volume-mode Block --node host-a --storage-class raw >/tmp/adopted 2>/tmp/adopt.err
is "adopt prints it" "$(jq -r '.spec | [.volumeMode, .local.path, .persistentVolumeReclaimPolicy] | join(" ")' /tmp/adopted)" \
	"Block /dev/disk/by-partuuid/$third Retain"
ok "which the API server takes" api POST "$PVS" "$(cat /tmp/adopted)"
stop_agent

# The key is in a Secret, which the agent cannot read

head -c 64 /dev/urandom >/run/secret-key && chmod 0600 /run/secret-key
secret=$(prepare /dev/sdb --filesystem ext4 --encrypt luks2 --key secret:k --key-file /run/secret-key)
start_agent
ok "an encrypted volume whose key is in a Secret is published" eventually 120 has_pv "$secret" || agent_log
bind "$secret" claim-3 && release "$secret"
ok "released it is erased, and its object goes" eventually 120 no_pv "$secret" || agent_log
ok "which is told, and what is to be done next" \
	eventually 60 has_event VolumeErased "volume $secret was erased in .*; \"solodisk prepare\" on this node makes it anew" || agent_log
is "the disk waits" "$(state_of /dev/sdb)" preparing
ok "as an event says" eventually 60 has_event DiskWaits "sdb \(.*is erased; \"solodisk prepare\".*with the key of its pool's Secret"
next=$(prepare /dev/sdb --filesystem ext4 --encrypt luks2 --key secret:k --key-file /run/secret-key)
isnt "prepared with the key it is a new volume" "$next" "$secret"
ok "which is published" eventually 60 has_pv "$next" || agent_log
stop_agent
solodisk erase --yes sdb --no-prepare >/dev/null 2>&1 && solodisk release --yes sdb >/dev/null 2>&1

# By hand

raw=$(prepare /dev/sdb --filesystem none)
is "prepared by hand" "$(state_of /dev/sdb)" ready
exits "pv refuses what nobody would mark" 3 solodisk pv sdb
is "and leaves it" "$(state_of /dev/sdb)" ready
solodisk adopt sdb --volume-mode Block --node host-a >/tmp/adopted 2>/dev/null
is "adopt marks it" "$(volume_of /dev/sdb) $(state_of /dev/sdb)" "$raw used"
is "and prints it" "$(jq -r .spec.local.path /tmp/adopted)" "/dev/disk/by-partuuid/$raw"
mkfs.ext4 -q /dev/sdb1
sleep 600 <>/dev/sdb1 &
held=$(digests scsi1)
exits "it is not erased while a process has it open" 3 solodisk erase --yes sdb --filesystem none
like "which is named" "$(cat "$tests_output")" "volume $raw is in use: process $! \\(sleep\\) has it open"
is "not a byte was changed" "$(digests scsi1)" "$held"
kill $!
wait $! 2>/dev/null
exits "erased, it must be said as what it is made again" 3 solodisk erase --yes sdb
ok "for block mode" solodisk erase --yes sdb --filesystem none
is "it is ready, and empty" "$(state_of /dev/sdb) $(blkid -p -o value -s TYPE /dev/sdb1)" "ready "
done_testing
