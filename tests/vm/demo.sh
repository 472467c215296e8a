#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make demo` shows, run inside the guest: two blank disks become a plain and an encrypted volume,
# a pod's directory each, survive a power cut, and are erased for the next tenant. It stops at the
# first step that does not do what it should.
set -eEu -o pipefail

PLUGIN=/usr/libexec/kubernetes/kubelet-plugins/volume/exec/solodisk~disk
PODS=/var/lib/kubelet/pods
PATH=$BUILD:$PATH
FAILED="the demo stopped here"
trap 'printf "\n%s\n" "$FAILED"' ERR

step() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# show COMMAND...: as typed, then its output.
show() {
	printf '$ %s\n' "$*"
	"$@"
}

# driver VERB ARGUMENT...: a call as kubelet makes it; the Secret's value is not shown here either.
driver() {
	local answer shown="${*/"$PODS"/"\$PODS"}"
	shown=$(sed -E 's,("kubernetes.io/secret/[^"]*":")[^"]*,\1...,' <<<"$shown")
	printf '$ disk %s\n' "$shown"
	answer=$("$PLUGIN/disk" "$@" 2>&1) || true
	printf '%s\n' "$answer"
	[[ $answer == '{"status":"Success"'* ]]
}

target() {
	mkdir -p "$PODS/$1/volumes/solodisk~disk"
	printf '%s' "$PODS/$1/volumes/solodisk~disk/data"
}

volume_of() {
	solodisk list --json | jq -r --arg name "$1" '.. | objects | select(.name? == $name) | .volume.id'
}

options() {
	jq -nc --arg id "$1" --arg wwid "$(cat "/sys/block/$2/wwid")" --arg key "${3-}" '
		{volumeID: $id, wwid: $wwid, "kubernetes.io/pvOrVolumeName": "solodisk.\($id)"} +
		if $key == "" then {} else
			{encryption: "luks2", key: "secret:key", "kubernetes.io/secret/key": $key} end'
}

install_driver() {
	mkdir -p "$PLUGIN" "$PODS"
	cp "$BUILD/disk" "$BUILD/.worker" "$PLUGIN/"
	echo '{"attach": false}' >"$PLUGIN/.config.json"
}

mount_both() {
	plain=$(volume_of nvme0n1)
	encrypted=$(volume_of nvme1n1)
	driver mount "$(target pod-1)" "$(options "$plain" nvme0n1)"
	driver mount "$(target pod-2)" "$(options "$encrypted" nvme1n1 "$(base64 -w0 "$STATE/key")")"
}

install_driver

if [ "$BOOT" = 1 ]; then
	step "1. Three disks: two are blank, one holds somebody's filesystem"
	mkfs.ext4 -q -L precious /dev/nvme2n1
	show solodisk list

	step "2. What is not blank is refused, whoever asks"
	if show solodisk prepare /dev/nvme2n1 --filesystem xfs --yes; then
		exit 1
	fi

	step "3. Prepare one disk as plain XFS, one as LUKS2 with ext4 (the key: 64 random bytes)"
	(umask 077 && head -c 64 /dev/urandom >"$STATE/key")
	show solodisk prepare /dev/nvme0n1 --filesystem xfs --yes
	show solodisk prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key-file "$STATE/key" --yes
	show solodisk list

	step "4. kubelet's calls: each volume into its pod's directory"
	driver init
	mount_both
	show findmnt -no TARGET,FSTYPE,FSROOT,SIZE "$(target pod-1)"
	show findmnt -no TARGET,FSTYPE,FSROOT,SIZE "$(target pod-2)"
	for pod in pod-1 pod-2; do
		echo "the data of $pod" >"$(target $pod)/precious"
		sync "$(target $pod)/precious"
	done

	step "5. The machine loses power, with both volumes mounted"
	vm power-cut
fi

step "6. After the reboot the same calls bring the data back"
show solodisk list
mount_both
show cat "$(target pod-1)/precious" "$(target pod-2)/precious"
driver unmount "$(target pod-1)"
driver unmount "$(target pod-2)"

step "7. The tenants are gone: erase, and each disk is ready for the next one"
show solodisk erase /dev/nvme0n1 --yes
show solodisk erase /dev/nvme1n1 --key-file "$STATE/key" --yes
show solodisk list
[ "$(volume_of nvme0n1)" != "$plain" ] && [ "$(volume_of nvme1n1)" != "$encrypted" ]
if grep -qa 'the data of pod' /dev/nvme0n1 /dev/nvme1n1; then
	exit 1
fi
printf '\nNothing of the old tenants is on the disks, and nothing touched the third one: %s\n' \
	"$(blkid -o value -s LABEL /dev/nvme2n1)"
