#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent does the local static provisioner's work, against a real API server: publishes mount points and block
# devices, cleans released ones and publishes them again, and takes over what the static provisioner had published.
# vm: --apiserver --disk nvme,size=64M --disk nvme,size=64M --disk virtio,name=slow,size=64M
# timeout: 1200
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"

PATH=$BUILD:$PATH
pvs=/api/v1/persistentvolumes
config=/tmp/config.json
# FNV-1a of entry, Node and StorageClass, as the static provisioner has it: these are its names.
a=local-pv-55f2c645 b=local-pv-b4d674 c=local-pv-c086bc5b d=local-pv-1805b7d2
raw=local-pv-c6731778 old=local-pv-fa34ef4a keep=local-pv-2c811093 slow=local-pv-ba879927

# configure TAKE_OVER: by a rename, as a careful person would.
configure() {
	cat >$config.new <<-END
		{"directories": [
		  {"path": "/mnt/disks", "mountPath": "/host/disks", "storageClass": "fs", "reclaimPolicy": "Delete", "labels": {"tier": "fast"}},
		  {"path": "/mnt/block", "storageClass": "block", "volumeMode": "Block", "reclaimPolicy": "Delete"},
		  {"path": "/mnt/static", "storageClass": "static", "takeOver": $1},
		  {"path": "/mnt/slow", "storageClass": "slow"},
		  {"path": "/mnt/keep", "storageClass": "retain"}]}
	END
	mv $config.new $config
}
start_agent() {
	solodisk agent --config $config --kubeconfig "$KUBECONFIG" --node-name node-a --listen 127.0.0.1:9095 2>>/tmp/agent.err &
	agent=$!
}
# has PV REGEX: the object is there, and its JSON, as one line without blanks, matches.
has() {
	local json
	json=$(api GET $pvs/"$1" 2>/dev/null) || return 1
	json=${json//[$' \n']/}
	[[ $json =~ $2 ]]
}
gone() {
	! api GET $pvs/"$1" >/dev/null 2>&1
}
uid() {
	local json
	json=$(api GET $pvs/"$1" 2>/dev/null) || return 1
	json=${json#*\"uid\":\"}
	printf '%s' "${json%%\"*}"
}
# is_another PV UID: it has been made anew.
is_another() {
	local now
	now=$(uid "$1") && [ "$now" != "$2" ]
}
messages() {
	api GET /api/v1/namespaces/default/events | jq -r '.items[].message'
}
event() {
	messages 2>/dev/null | grep -Eq "^$1"
}
# phase PV PHASE: what the controller-manager would say, which is not here.
phase() {
	api PATCH $pvs/"$1"/status '{"status": {"phase": "'"$2"'"}}' >/dev/null
}
# release PV: as after its claim was deleted.
release() {
	api PATCH $pvs/"$1" '{"spec": {"claimRef": {"kind": "PersistentVolumeClaim", "namespace": "default",
		"name": "claim", "uid": "1-2-3"}}}' >/dev/null && phase "$1" Released
}
names() {
	(cd "$1" && find . | grep -v 'lost+found' | sort)
}

mkdir -p /host/disks/{a,b,c,d} /mnt/{block,static/old,slow/slow,keep/keep}
mkfs.ext4 -q -U 0a1b2c3d-1111-4222-8333-444444444444 /dev/nvme0n1
mkfs.ext4 -q /dev/vda
mount /dev/nvme0n1 /host/disks/a
mount -t tmpfs -o size=20m tmpfs /host/disks/b
mount -t tmpfs -o size=20m tmpfs /mnt/static/old
mount -t tmpfs -o size=20m tmpfs /mnt/keep/keep
mount /dev/vda /mnt/slow/slow
ln -s /dev/nvme1n1 /mnt/block/raw
configure false
# The controller-manager is not here, which takes off the finalizer that this plugin puts on.
ok "an API server" start_apiserver --disable-admission-plugins=StorageObjectInUseProtection || exit 1
ok "a Node" make_node node-a host-a || { tail -30 "$kube"/log/*; exit 1; }
ok "a volume of the static provisioner" api POST $pvs '{"metadata": {"name": "'$old'",
	"annotations": {"pv.kubernetes.io/provisioned-by": "local-volume-provisioner-node-a-12345678-1111"}},
	"spec": {"capacity": {"storage": "20Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "static",
	"persistentVolumeReclaimPolicy": "Delete", "local": {"path": "/mnt/static/old"},
	"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname",
	"operator": "In", "values": ["host-a"]}]}]}}}}'

# Published

start_agent
ok "a mount point is published" eventually 60 has $a . || { cat /tmp/agent.err; grep solodisk /run/syslog; exit 1; }
ok "with the host's path" has $a '"local":\{"path":"/mnt/disks/a"\}'
ok "on this node" has $a '"key":"kubernetes.io/hostname","operator":"In","values":\["host-a"\]'
ok "with the policy of the configuration" has $a '"persistentVolumeReclaimPolicy":"Delete"'
ok "and its labels" has $a '"tier":"fast"'
ok "and what it was made of" has $a '"solodisk.io/content":"uuid:0a1b2c3d-1111-4222-8333-444444444444"'
ok "and the provisioner" has $a '"pv.kubernetes.io/provisioned-by":"solodisk.io/node"'
ok "another" eventually 30 has $b '"storage":"20971520"'
ok "one that is kept" eventually 30 has $keep '"Retain"'
ok "a block device" eventually 30 has $raw '"volumeMode":"Block"'
ok "a plain directory is refused, with the reason" eventually 30 event '/mnt/disks/c: it is a plain directory'
ok "once" test "$(messages | grep -c '^/mnt/disks/c:')" = 1
ok "it is not published" gone $c
ok "what the static provisioner has published is told" eventually 30 event \
	'/mnt/static/old: local-volume-provisioner-node-a-12345678-1111 has published .*cleans it'
ok "and left alone" has $old '"pv.kubernetes.io/provisioned-by":"local-volume-provisioner-node-a-12345678-1111"'

begin=${EPOCHREALTIME/./}
mount -t tmpfs -o size=20m tmpfs /host/disks/c
ok "a new mount is published" eventually 30 has $c .
note "after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
mkdir -p /host/disks/e
ok "so is a new directory refused" eventually 30 event '/mnt/disks/e: it is a plain directory'
note "resident: $(sed -n 's/^VmRSS:[^0-9]*//p; s/^RssAnon:[^0-9]*/anonymous: /p' /proc/$agent/status | tr '\n' ' ')"

# A mount that goes

phase $b Available
ok "an Available one whose mount is gone" umount /host/disks/b
ok "is withdrawn" eventually 30 gone $b
phase $c Bound
umount /host/disks/c
ok "a Bound one is not: it is told" eventually 30 event '/mnt/disks/c: it is a plain directory'
ok "and there" has $c '"Bound"'
mount -t tmpfs -o size=20m tmpfs /host/disks/b
ok "mounted again, published again" eventually 30 has $b .
mount -t tmpfs -o size=20m tmpfs /host/disks/c

# Released

fill() {
	mkdir -p "$1"/dir/deeper
	echo secret >"$1/dir/deeper/file"
	ln -s /srv "$1/out"
}
mkdir -p /srv
echo keep >/srv/precious
fill /host/disks/a
fill /mnt/keep/keep
before=$(uid $a)
release $keep
release $a
ok "a Released one is published anew" eventually 60 is_another $a "$before"
is "and was emptied" "$(names /host/disks/a)" .
is "what a link led to is there" "$(cat /srv/precious)" keep
ok "Retain is left alone" has $keep '"Released"'
is "with its data" "$(cat /mnt/keep/keep/dir/deeper/file)" secret

fill /host/disks/a
chattr +i /host/disks/a/dir/deeper/file
before=$(uid $a)
release $a
ok "what cannot be removed is told" eventually 60 event '/mnt/disks/a: dir/deeper/file: it is immutable'
is "and the volume stays" "$(uid $a)" "$before"
chattr -i /host/disks/a/dir/deeper/file
ok "it is tried again" eventually 60 is_another $a "$before"

fill /host/disks/a
before=$(uid $a)
umount /host/disks/a
mkfs.ext4 -q -F -U 0a1b2c3d-1111-4222-8333-555555555555 /dev/nvme0n1
mount /dev/nvme0n1 /host/disks/a
fill /host/disks/a
release $a
ok "another filesystem than it was made of" eventually 60 event \
	'/mnt/disks/a: .* was made of uuid:0a1b2c3d-1111-4222-8333-444444444444, but'
is "is not emptied" "$(cat /host/disks/a/dir/deeper/file)" secret

head -c 64M /dev/urandom >/dev/nvme1n1
sync
before=$(uid $raw)
vm throttle nvme1 1000000
release $raw
erasing() {
	[ -n "$(find /proc/[0-9]*/fd -lname /dev/nvme1n1 2>/dev/null)" ]
}
ok "a block device is being erased" eventually 60 erasing
ok "the agent is killed" kill -9 $agent
wait $agent 2>/dev/null
vm throttle nvme1 0
start_agent
ok "after a kill it goes on" eventually 60 is_another $raw "$before"
is "and is erased" "$(cmp -n 67108864 /dev/nvme1n1 /dev/zero && echo zeros)" zeros

# Taken over

configure true
ok "the static provisioner's becomes ours" eventually 60 has $old '"pv.kubernetes.io/provisioned-by":"solodisk.io/node"'
ok "with the label" has $old '"solodisk.io/node":"host-a"'
fill /mnt/static/old
before=$(uid $old)
release $old
ok "and is cleaned by us" eventually 60 is_another $old "$before"
is "it is empty" "$(names /mnt/static/old)" .

# A disk that hangs

ok "one more is there" has $slow .
vm hang slow on
echo 3 >/proc/sys/vm/drop_caches
begin=$SECONDS
mount -t tmpfs -o size=20m tmpfs /host/disks/d
ok "one filesystem that hangs keeps no other from being published" eventually 120 has $d .
note "after $((SECONDS - begin)) s"
ok "it is told" eventually 60 event '/mnt/slow/slow: it does not answer'
ok "and its volume stays" has $slow .
vm hang slow off

kill $agent
ok "it ends when it is told to" wait $agent
is "it said nothing" "$(cat /tmp/agent.err)" ""
grep solodisk /run/syslog | tail -60 | sed 's/^/# /'
done_testing
