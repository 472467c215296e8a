#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An agent that prepares and reclaims encrypted disks with a key of the node: nothing of the key is left in the
# guest's memory, where its own, all logs, the API server with the events and etcd's files are, nor on the disk.
# vm: --kubernetes --memory 2048 --disk nvme,size=256M --disk nvme,size=256M --disk virtio,size=64M --append init_on_free=1
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/tenant.sh"
. "$SRC/tests/e2e/apiserver.sh" # not the host's: its memory and etcd's files are to be searched too
. "$SRC/tests/vm/agent.sh"
PATH=$BUILD/tests/vm:$PATH

# The key files lie on a disk, so that dropping the caches takes their copies away.
mkdir -p $KEYS
mkfs.ext4 -q /dev/vda && mount /dev/vda $KEYS && chmod 0700 $KEYS
marker 7 write $KEYS/marker
marker 8 write $KEYS/open && chmod 0644 $KEYS/open
read -ra patterns <<<"$(marker 7 patterns; marker 8 patterns)"
none=$(printf '0 %.0s' "${patterns[@]}")

nothing_of_it() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	is "$1: nothing of a key is in memory" "$(vm memory-has --hex "${patterns[@]}") " "$none"
}

pool='"filesystem": "ext4", "encryption": "luks2", "prepare": "automatic", "reclaimPolicy": "Delete"'
install_driver false
configure '{"pools": [
	{"name": "vault", "storageClass": "vault", "disks": [{"serial": ["SOLO0001"]}], "key": "file:marker", '"$pool"'},
	{"name": "open", "storageClass": "open", "disks": [{"serial": ["SOLO0002"]}], "key": "file:open", '"$pool"'}]}'
ok "API server, Nodes, rights" start_world
start_agent
ok "a disk is prepared and published" eventually 240 a_pv_of /dev/nvme0n1 || agent_log
ok "another one's key file is refused" eventually 60 has_event DiskFailed "nvme1n1.*key" || agent_log
nothing_of_it "after it has prepared"
id=$(volume_of /dev/nvme0n1)
bind "$id" claim
tenant nvme0n1 1 "$(options "$id" pv encryption=luks2 key=file:marker)"
release "$id"
ok "the disk is crypto-erased" eventually 240 pv_is_going_or_gone "$id" || agent_log
drop_finalizers
ok "and published anew" eventually 120 another_pv_of /dev/nvme0n1 "$id" || agent_log
like "as the record says" "$(cat /var/lib/solodisk/erase.log)" '"method":"crypto"'
nothing_of_it "after it has reclaimed"
isnt "though the key files are there" "$(vm disk-has virtio0 "${patterns[@]}") " "$none"
stop_agent
is "nothing of it is on the disk" "$(vm disk-has nvme0 "${patterns[@]}") " "$none"
is "nor on the other" "$(vm disk-has nvme1 "${patterns[@]}") " "$none"
done_testing
