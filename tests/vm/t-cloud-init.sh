#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bootstrap/examples/cloud-init.yaml, word for word but for what it says is to be replaced, by Debian's cloud-init under
# systemd: a node's disks are prepared before the kubelet that runcmd starts behind it; and what a node made anew
# with the same disks does with them.
# vm: --disk nvme,size=400M --disk scsi,size=64M --systemd --provide CLOUD_INIT=tests/vm/fetch-cloud-init
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
SEED=/var/lib/cloud/seed/nocloud
STAGES=(cloud-init-local.service cloud-init.service cloud-config.service cloud-final.service)

# The guest's root is thrown away after it. Of cloud-init's modules those that the example uses, in Debian's stages.
tar -C / --keep-directory-symlink -xf "$CLOUD_INIT"
cat >/etc/cloud/cloud.cfg.d/99_guest.cfg <<-'END'
	datasource_list: [NoCloud]
	network: {config: disabled}
	cloud_init_modules: [write-files]
	cloud_config_modules: [runcmd]
	cloud_final_modules: [scripts-user]
END
# A kubelet that notes what it finds when it starts, and where it looks for drivers.
cat >/etc/systemd/system/kubelet.service <<-'END'
	[Service]
	ExecStart=/bin/sh -c 'solodisk list --json >/run/kubelet-found; exec sleep infinity'
END

# The release, as `make dist` makes it, and the example with its address, checksum, rule and class.
tar -C "$BUNDLE" --transform='s,^\.,solodisk,' -czf /run/release.tar.gz .
model=$(lsblk -dnro MODEL /dev/nvme0n1 | sed 's/\\x20/ /g')
sum=$(sha256sum </run/release.tar.gz)
mkdir -p $SEED
sed -e "s,https://example.org/.*\.tar\.gz\$,file:///run/release.tar.gz," -e "s,0\{64\},${sum%% *}," \
	-e "s,INTEL SSDPE2KX\*,$model," -e 's,"minSize": "1T","minSize": "100M",' \
	"$SRC/bootstrap/examples/cloud-init.yaml" >$SEED/user-data
printf '  - systemctl start kubelet.service\n' >>$SEED/user-data
is "all of it was replaced" "$(grep -cE 'example\.org|0{64}|INTEL|1T"' $SEED/user-data)" 0
isnt "though it is in the example" "$(grep -cE 'example\.org|0{64}|INTEL|1T"' "$SRC/bootstrap/examples/cloud-init.yaml")" 0
ok "cloud-init finds no mistake in it" cloud-init schema --config-file $SEED/user-data

# first_boot INSTANCE: what cloud-init does then. Its last stage ends when runcmd does.
first_boot() {
	printf 'instance-id: %s\nlocal-hostname: node\n' "$1" >$SEED/meta-data
	rm -f /run/kubelet-found
	systemctl daemon-reload
	systemctl start "${STAGES[@]}" && eventually 60 jq -e .disks /run/kubelet-found >/dev/null 2>&1
}
said() {
	note "$(cloud-init status --long; cat /var/log/cloud-init-output.log; journalctl -u "cloud-*" -u solodisk-prepare)"
}
found() {
	jq -r '.disks[] | select(.name | test("^(nvme|sd)")) | "\(.name):\(.state)"' /run/kubelet-found | tr '\n' ' '
}

other=$(digests scsi0)
ok "the first boot" first_boot one || said
like "cloud-init met no error" "$(cloud-init status)" 'status: done'
is "the unit has succeeded, and is there at the next boot" \
	"$(systemctl show -P Result solodisk-prepare.service) $(systemctl is-enabled solodisk-prepare.service)" \
	"success enabled" || said
is "kubelet found the disk of the pool ready, and the other one blank" "$(found)" "nvme0n1:ready sda:blank " || said
is "which was not touched" "$(digests scsi0)" "$other"
ok "the driver is installed" test -x "$DRIVER_DIR/disk" || said
succeeds "and answers" init
id=$(volume_of /dev/nvme0n1)
succeeds "it mounts the volume" mount "$(pod 1)" "$(options "$id" pv)"
echo data >"$(pod 1)/file"
succeeds "and unmounts it" unmount "$(pod 1)"

# A node made anew: another instance with the same disks.
systemctl stop "${STAGES[@]}" cloud-config.target kubelet.service solodisk-prepare.service
cloud-init clean --logs
rm -rf /run/cloud-init /etc/solodisk /opt/solodisk "$DRIVER_DIR" /usr/local/sbin/solodisk /etc/systemd/system/*solodisk-prepare.service
before=$(digests nvme0 scsi0)
ok "the first boot of another node with these disks" first_boot two || said
is "kubelet found the volume used" "$(found)" "nvme0n1:used sda:blank " || said
is "and nothing was written" "$(digests nvme0 scsi0)" "$before"
succeeds "it mounts the volume" mount "$(pod 2)" "$(options "$id" pv)"
is "with its data" "$(cat "$(pod 2)/file")" data
done_testing
