# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# Disks that are pulled while their pods idle or write, a disk that fails its I/O, and a copied disk: events name
# the disk and the reason, the pods go, and come back with their data. A neighbour on the node notices nothing.
. "$SRC/tests/e2e/agent.sh"
# shellcheck disable=SC2016 # the pod's shell
WRITER='echo before >>/data/marker; sync; n=0; trap "exit 0" TERM
while :; do n=$((n + 1)); echo $n >/data/count && sync || echo "cannot write" >&2; sleep 0.2; done'
IDLE='echo before >>/data/marker; sync; trap "exit 0" TERM; while :; do sleep 1; done'

# Each gets the disk that its claim fits alone.
published() {
	local name=$1 disk=$2
	publish "$disk" "${@:3}" -- --claim "default/$name"
	claim "$name" 300Mi
	id[$name]=$(volume_of "$(vm dev "$disk")")
	wwid[$name]=$(wwid_of "$(vm dev "$disk")")
}
declare -A id wwid
published idle a --filesystem xfs
published writing b --filesystem ext4
published neighbour c --filesystem xfs
published failing d --filesystem xfs
run_pod neighbour neighbour "$WRITER"
run_pod idle idle "$IDLE"
run_pod writing writing "$WRITER"
run_pod failing failing "$WRITER"
for name in neighbour idle writing failing; do
	running "$name"
done
container=$(container_of neighbour)
isnt "the neighbour's container is found" "$container" "" ||
	note "$(grep -o '"io.kubernetes.cri.[^,]*' /run/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json)"
ok "an agent looks on" start_agent '{"missingSeconds": 2}'

# pod_volume POD: the volume's directory there.
pod_volume() {
	echo "/var/lib/kubelet/pods/$(field "$pod_path/$1" .metadata.uid)/volumes/solodisk~disk/solodisk.${id[$1]}"
}
counted() {
	in_pod neighbour cat /data/count
}
neighbour_writes() {
	local before
	before=$(counted)
	counts_on() {
		[ "$(counted)" -gt "$before" ]
	}
	ok "$1: the neighbour writes on" eventually 60 counts_on
}

scsi=$(vm dev d)
vm errors d on
vm unplug --surprise a
vm unplug --surprise b
says_cannot() {
	said failing | grep -q "cannot write"
}
ok "the pod of the failing disk is told" eventually "$WAIT" says_cannot
for name in idle writing; do
	ok "$name: the agent says which volume's disk is missing" eventually 60 node_event DiskMissing \
		"${id[$name]}.*${wwid[$name]}"
done
neighbour_writes "two disks were pulled, one fails"
ok "the pods of all three can be deleted" delete_pod idle writing failing
only_neighbour() {
	[ "$(ls /run/solodisk/volume)" = "${id[neighbour]}.json" ] && ! leftovers | grep -q '^solodisk-' &&
		[ "$(leftovers | grep -c "solodisk~disk\|mounts/")" -eq 2 ]
}
ok "nothing of them is mounted or noted" eventually 60 only_neighbour || note "$(leftovers)"

for name in idle writing failing; do
	run_pod "$name" "$name" "$IDLE"
done
for name in idle writing; do
	ok "$name: the pod's event names the disk that is not there" eventually "$WAIT" event_says \
		"$name FailedMount [^$]*no disk with the WWID ${wwid[$name]}"
done
ok "failing: the pod's event names the disk and its error" eventually "$WAIT" event_says \
	"failing FailedMount [^$]*${scsi#/dev/}[^$]*(I/O|Input/output) error"
vm plug a
vm plug b
vm errors d off
for name in idle writing failing; do
	running "$name"
	is "$name: its data is there" "$(in_pod "$name" cat /data/marker)" "$(printf 'before\nbefore')"
done
neighbour_writes "the disks are back"

ok "two pods go" delete_pod idle failing
original=$(vm dev a)
size=$(blockdev --getsz "$original")
dd if="$original" of="$scsi" bs=1M count=16 oflag=direct status=none
dd if="$original" of="$scsi" bs=512 skip=$((size - 2048)) seek=$((size - 2048)) oflag=direct status=none
udevadm trigger "$scsi" 2>/dev/null
ok "the agent names both disks that carry one volume" eventually "$WAIT" node_event VolumeTwice \
	"${id[idle]} is on both .*${wwid[idle]}"
ok "and that the other one's volume is gone" eventually "$WAIT" node_event VolumeGone "${scsi#/dev/}.*${id[failing]}"
copy=$(digests d)
run_pod idle idle "$IDLE"
running idle
is "the pod gets the disk that was published, not the copy" \
	"$(findmnt -nro SOURCE "$(pod_volume idle)")" "${original}p1[/data]"
is "not a byte of the copy was changed" "$(digests d)" "$copy"
neighbour_writes "a disk was copied"
is "the neighbour was never started again" "$(container_of neighbour)" "$container"
stop_agent
