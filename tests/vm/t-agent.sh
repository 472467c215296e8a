#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent against a real API server: volumes are published, released ones erased and published anew, and
# what must not be touched is not.
# vm: --apiserver --disk nvme,size=512M --disk nvme,size=512M --disk nvme,size=512M --disk nvme,size=512M,plugged=off --disk scsi,size=128M
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"
. "$SRC/tests/vm/agent.sh"

pools='{"missingSeconds": 2, "ownerReference": true, "pools": [
	{"name": "fast", "storageClass": "local-fast", "disks": [{"serial": ["SOLO0001", "SOLO0004"]}],
	 "filesystem": "xfs", "mountOptions": "noatime", "reclaimPolicy": "Delete"},
	{"name": "auto", "storageClass": "local-auto", "disks": [{"serial": ["SOLO0002"]}],
	 "filesystem": "ext4", "prepare": "automatic", "reclaimPolicy": "Retain"},
	{"name": "vault", "storageClass": "local-vault", "disks": [{"serial": ["SOLO0003"]}],
	 "filesystem": "ext4", "encryption": "luks2", "key": "file:vault", "reclaimPolicy": "Delete"}]}'

install_driver false
mkdir -p "$KEYS" && head -c 64 /dev/urandom >"$KEYS/vault" && chmod 0600 "$KEYS/vault"
configure "$pools"
first=$(prepare /dev/nvme0n1 --filesystem xfs)
vault=$(prepare /dev/nvme2n1 --filesystem ext4 --encrypt luks2 --key file:vault)
ok "API server, Nodes, rights" start_world

# Publishing

start_agent
ok "a ready volume is published" eventually 120 has_pv "$first" || agent_log
object=$(api GET "$PVS/solodisk.$first")
field() {
	jq -r "$1" <<<"$object"
}
is "with its StorageClass, policy and mode" \
	"$(field '.spec | [.storageClassName, .persistentVolumeReclaimPolicy, .volumeMode] | join(" ")')" \
	"local-fast Delete Filesystem"
is "its size" "$(field '.spec.capacity.storage')" "$(blockdev --getsize64 /dev/nvme0n1p1)"
wwid=$(cat /sys/block/nvme0n1/wwid)
is "its source" "$(field '.spec.flexVolume | [.driver, .fsType, .options.volumeID, .options.wwid, .options.mountOptions] | join(" ")')" \
	"solodisk/disk xfs $first $wwid noatime"
is "bound to the node by its host name, not its own" \
	"$(field '.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0] | [.key, .values[0]] | join(" ")')" \
	"kubernetes.io/hostname host-a"
is "labels and annotations" \
	"$(field '.metadata | [.labels["solodisk.io/node"], .labels["solodisk.io/pool"], .labels["solodisk.io/rotational"],
		.annotations["pv.kubernetes.io/provisioned-by"], .annotations["solodisk.io/serial"]] | join(" ")')" \
	"host-a fast false solodisk.io/node SOLO0001"
is "and the Node for its owner" "$(field '.metadata.ownerReferences[0] | [.kind, .name] | join(" ")')" "Node node-a"
ok "a blank disk of an automatic pool is prepared and published" eventually 120 a_pv_of /dev/nvme1n1
ok "an encrypted volume is published" eventually 60 has_pv "$vault"
is "with where its key is" "$(pv_field "$vault" '.spec.flexVolume.options | [.encryption, .key] | join(" ")')" \
	"luks2 file:vault"
is "and without its header" "$(pv_field "$vault" .spec.capacity.storage)" \
	$(($(blockdev --getsize64 /dev/nvme2n1p1) - (16 << 20)))
is "there are three" "$(pvs | wc -w)" 3
auto=$(volume_of /dev/nvme1n1)
like "which is told" "$(events DiskPrepared)" "^Node node-a: nvme1n1 \(.*prepared for pool auto; volume $auto is ready"
ok "a disk of no pool is left alone" cmp -n $((128 << 20)) /dev/sda /dev/zero

# Reclaim

claim=$(options "$first" pv "wwid=$wwid")
bind "$first" claim-1
tenant nvme0n1 1 "$claim"
is "a bound one is left alone" "$(volume_of /dev/nvme0n1) $(state_of /dev/nvme0n1)" "$first used"
target=$(pod 2)
succeeds "a pod is still there when the claim goes" mount "$target" "$claim"
release "$first"
ok "then it is not erased, and the event says where it is used" \
	eventually 60 has_event DiskFailed "volume $first is in use, mounted at .*$target"
is "nor marked" "$(volume_of /dev/nvme0n1) $(state_of /dev/nvme0n1)" "$first used"
succeeds "the pod goes" unmount "$target"
# The finalizer that protects PersistentVolumes waits for its controller.
ok "the disk is erased, and the old object deleted" eventually 120 pv_is_going_or_gone "$first" || agent_log
drop_finalizers
ok "and published under a new name" eventually 60 another_pv_of /dev/nvme0n1 "$first" || agent_log
second=$(volume_of /dev/nvme0n1)
is "without a trace of the tenant" "$(found "$marker" /dev/nvme0n1)" 0
ok "which is told" has_event VolumeReclaimed "volume $first was erased in .*; volume $second is ready"
bind "$vault" claim-2
tenant nvme2n1 3 "$(options "$vault" pv encryption=luks2 key=file:vault)"
release "$vault"
ok "an encrypted one too" eventually 120 pv_is_going_or_gone "$vault"
drop_finalizers
ok "is published again" eventually 60 another_pv_of /dev/nvme2n1 "$vault" || agent_log

# What stays

bind "$auto" claim-3
tenant nvme1n1 4 "$(options "$auto" pv)"
release "$auto"
api DELETE "$PVS/solodisk.$second" >/dev/null
drop_finalizers
ok "a ready volume whose object is deleted is published again" eventually 60 has_pv "$second"
bind "$second" claim-4
tenant nvme0n1 5 "$(options "$second" pv)"
api DELETE "$PVS/solodisk.$second" >/dev/null
api PATCH "$PVS/solodisk.$second" '{"metadata": {"finalizers": null}}' >/dev/null
ok "a used one is not: that takes an operator" \
	eventually 60 has_event VolumeWithoutPV "volume $second has a tenant's data and no PersistentVolume; \"solodisk adopt\""
no_pv "$second"
is "it is not there" $? 0
is "and what is to be kept is kept" "$(volume_of /dev/nvme1n1) $(state_of /dev/nvme1n1)" "$auto used"
solodisk adopt nvme0n1 --node host-a --storage-class local-fast >/tmp/adopted 2>/dev/null
ok "adopted by hand" api POST "$PVS" "$(cat /tmp/adopted)"
bind "$second" claim-4
is "it stays so" "$(pv_field "$second" '.metadata.annotations["solodisk.io/adopted"]')" true

# Disks come and go

vm plug nvme3
ok "a disk that is put in is told of" eventually 60 has_event DiskWaits "nvme3n1 \(.*is blank and of pool fast"
third=$(prepare /dev/nvme3n1 --filesystem xfs)
ok "prepared by hand it is published" eventually 60 has_pv "$third"
vm unplug --surprise nvme3
missing() {
	[ "$(pv_field "$third" '.metadata.annotations["solodisk.io/disk-missing-since"] // ""')" != "" ]
}
ok "one that is pulled is missed" eventually 60 missing || agent_log
ok "which is told on the object" has_event DiskMissing "^PersistentVolume solodisk.$third: no disk of this node carries volume $third"
vm plug nvme3
not_missing() {
	! missing
}
ok "until it is back" eventually 60 not_missing

# Another node's

fourth=$(volume_of /dev/nvme2n1)
api GET "$PVS/solodisk.$fourth" | jq '{metadata: {name: .metadata.name}, spec: .spec} |
	.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values = ["host-b"]' >/tmp/foreign
api DELETE "$PVS/solodisk.$fourth" >/dev/null
stop_agent
is "it stops when it is told to" $? 0
drop_finalizers
ok "the volume moves in from another node" api POST "$PVS" "$(cat /tmp/foreign)"
start_agent
ok "and is not published twice" eventually 60 has_event NotPublished "volume $fourth is published already, for the node host-b" || agent_log

# The configuration

configure '{"pools": [{"name": "fast"}]}'
ok "a bad configuration is refused whole" eventually 60 has_event ConfigurationRefused "line 1: pools\[0\].*storageClass"
ok "the health page answers" solodisk agent --probe
like "and the numbers say so" "$(curl -s http://127.0.0.1:9095/metrics)" "solodisk_config_valid 0"
configure '{"pools": [{"name": "small", "storageClass": "c", "disks": [{"wwid": ["'"$(cat /sys/block/sda/device/wwid)"'"]}],
	"filesystem": "ext4", "prepare": "automatic"}]}'
ok "another one is in force at once" eventually 60 a_pv_of /dev/sda || agent_log

# A disk that grows

sixth=$(volume_of /dev/sda)
before=$(pv_field "$sixth" .spec.capacity.storage)
vm grow scsi0 192M
capacity_follows() {
	[ "$(blockdev --getsize64 /dev/sda1)" -gt "$before" ] &&
		[ "$(pv_field "$sixth" .spec.capacity.storage)" = "$(blockdev --getsize64 /dev/sda1)" ]
}
ok "a disk that grew: volume and object follow" eventually 60 capacity_follows || agent_log

note "resident: $(grep -E 'VmRSS|VmHWM' "/proc/$agent/status" | tr -s ' \t\n' ' ')"
stop_agent
is "it stops" $? 0
is "and nothing is left of it" "$(pgrep -c solodisk)" 0
done_testing
