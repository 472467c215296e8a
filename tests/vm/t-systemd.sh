#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk-prepare.service under systemd: it prepares what the automatic pools say before kubelet starts, nothing
# else, and nothing again the next time; and kubelet starts also if it fails.
# vm: --disk nvme,size=400M,serial=DATA0001 --disk nvme,size=64M,serial=DATA0002 --disk nvme,size=64M,serial=OTHER001 --systemd
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

is "systemd is the first process" "$(cat /proc/1/comm)" systemd
mkdir -p /etc/solodisk
new_key node >/dev/null
cat >/etc/solodisk/config.json <<-'END'
	{"pools": [
		{"name": "plain", "storageClass": "a", "disks": [{"serial": ["DATA0001"]}], "filesystem": "xfs", "prepare": "automatic"},
		{"name": "secret", "storageClass": "b", "disks": [{"serial": ["DATA0002"]}], "filesystem": "ext4",
		 "encryption": "luks2", "key": "file:node", "prepare": "automatic"},
		{"name": "by-hand", "storageClass": "c", "disks": [{"serial": ["OTHER001"]}], "filesystem": "ext4"}]}
END
# As a node has it from the release's archive: a link to the bundle's tool, and one to the unit.
ln -sfn "$BUNDLE/solodisk" /usr/local/sbin/solodisk
ln -sfn "$BUNDLE/share/solodisk-prepare.service" /etc/systemd/system/solodisk-prepare.service
ok "the unit has no mistake" systemd-analyze verify --man=no solodisk-prepare.service
# A kubelet that notes what it finds when it starts.
cat >/etc/systemd/system/kubelet.service <<-'END'
	[Service]
	ExecStart=/bin/sh -c 'solodisk list --json >/run/kubelet-found; exec sleep infinity'
END
cat >/etc/systemd/system/node.target <<-'END'
	[Unit]
	Wants=kubelet.service solodisk-prepare.service
END
systemctl daemon-reload

# node_up: as a boot starts both at once. node_down: stops them.
node_up() {
	rm -f /run/kubelet-found
	systemctl start node.target
	eventually 60 jq -e .disks /run/kubelet-found >/dev/null 2>&1
}
node_down() {
	systemctl stop node.target kubelet.service solodisk-prepare.service
	systemctl reset-failed solodisk-prepare.service 2>/dev/null
}
unit_is() {
	is "$1" "$(systemctl show -P Result solodisk-prepare.service) $(systemctl show -P ActiveState solodisk-prepare.service)" "$2" ||
		note "$(journalctl -u solodisk-prepare.service)"
}
found() {
	jq -r '.disks[] | select(.name | startswith("nvme")) | .state' /run/kubelet-found | tr '\n' ' '
}

others=$(digests nvme2)
ok "a node with blank disks starts" node_up
unit_is "the unit has succeeded" "success active"
is "kubelet found the disks of automatic pools ready, the other one blank" "$(found)" "ready ready blank " ||
	note "$(cat /run/kubelet-found)"
is "which was not touched" "$(digests nvme2)" "$others"
plain=$(volume_of /dev/nvme0n1)
secret=$(volume_of /dev/nvme1n1)
is "the second is encrypted" "$(blkid -p -o value -s TYPE /dev/nvme1n1p1)" crypto_LUKS

node_down
before=$(digests nvme0 nvme1 nvme2)
ok "it starts again" node_up
unit_is "the unit has succeeded again" "success active"
is "and nothing was written" "$(digests nvme0 nvme1 nvme2)" "$before"

install_driver false
succeeds "the plain volume is mounted" mount "$(pod 1)" "$(options "$plain" pv)"
succeeds "the encrypted one too" mount "$(pod 2)" "$(options "$secret" pv encryption=luks2 key=file:node)"
node_down
ok "it starts with both in use" node_up
unit_is "the unit has succeeded" "success active"
is "kubelet found them used" "$(found)" "used used blank "
node_down
echo '{"pools": 3}' >/etc/solodisk/config.json
ok "it starts with a configuration that is wrong" node_up
unit_is "the unit has failed" "exit-code failed"
like "and says why" "$(journalctl -u solodisk-prepare.service)" "config.json.*pools"
node_down
rm /etc/solodisk/config.json
ok "it starts without a configuration" node_up
unit_is "the unit has nothing to do" "success inactive"
done_testing
