#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The image of deploy/Dockerfile in containerd, without a kubelet: what is in it; as nobody; and the DaemonSet's
# containers as its manifest has them: the driver that root without a capability installed, and the disks that the
# privileged agent prepared, are then the node's.
# vm: --kubernetes --memory 2048 --provide IMAGE=tests/e2e/build-image
# vm: --disk nvme,size=400M --disk nvme,size=64M
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
PATH=$KUBERNETES/bin:$PATH
MANIFEST=$SRC/deploy/base/daemonset.yaml
ROOT=/run/image-root

start_containerd() {
	mkdir -p /var/lib/containers
	mount -t tmpfs tmpfs /var/lib/containers
	cat >/run/containerd.toml <<-'END'
		version = 2
		root = "/var/lib/containers"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
			"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
			"io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt",
			"io.containerd.tracing.processor.v1.otlp"]
	END
	setsid containerd --config /run/containerd.toml --log-level warn </dev/null >/run/containerd.log 2>&1 &
	eventually 120 ctr version >/dev/null 2>&1
}

# What layers beyond Debian's have in them.
layers() {
	tar -xOf "$IMAGE" manifest.json | jq -r '.[0].Layers[1:][]'
}
beyond_debian() {
	local layer
	for layer in $(layers); do
		tar -xOf "$IMAGE" "$layer" | tar -tv
	done
}

# pod_container NAME CTR-RUN-OPTION...: this container of the DaemonSet's pod.
pod_container() {
	ctr oci spec | "$SRC/tests/vm/container-spec" "$MANIFEST" "$1" $ROOT >"/run/$1.json" || return 1
	ctr run "${@:2}" --config "/run/$1.json" "$1"
}

# in_agent COMMAND...: as kubectl exec.
execs=0
in_agent() {
	execs=$((execs + 1))
	ctr tasks exec --exec-id "x$execs" agent "$@"
}

beyond_debian >/tmp/files
isnt "the image has something" "$(grep -c ' opt/solodisk/driver/disk$' /tmp/files)" 0
is "it is Debian, the bundle, and places for mounts" "$(awk '{ sub(/\/$/, "", $6); print $6 }' /tmp/files | sort -u | grep -vE \
	'^(opt|opt/solodisk(/.*)?|usr|usr/sbin(/solodisk)?|etc|etc/solodisk(/.*)?|etc/machine-id|etc/hosts|run|run/(solodisk|cryptsetup)|var|var/lib(/solodisk)?)$')" ""
is "none of it runs as somebody else" "$(awk '$1 ~ /s/ && $1 !~ /^l/' /tmp/files)" ""

ok "containerd runs" start_containerd || note "$(tail -n 20 /run/containerd.log)"
ok "it takes the image" ctr images import "$IMAGE"
name=$(ctr images ls -q)

# The image as it is, by whoever runs it: the user is nobody, and what a capability would be good for is not needed.
drop=()
for capability in $(ctr oci spec | jq -r '.process.capabilities.bounding[]'); do
	drop+=(--cap-drop "$capability")
done
mkdir -p /run/config-maps/solodisk
jq '. + {scanSeconds: 2}' "$SRC/deploy/base/config.json" >/run/config-maps/solodisk/config.json
# shellcheck disable=SC2016 # the container's
ctr run --rm --read-only --seccomp "${drop[@]}" \
	--mount type=bind,src=/run/config-maps/solodisk,dst=/etc/solodisk-config,options=rbind:ro "$name" nobody sh -c '
	id -u
	grep -E "^Cap(Eff|Bnd)" /proc/self/status
	solodisk --version
	solodisk agent --check-config /etc/solodisk/config.json
	for tool in cc gcc c99 cpp clang tcc ld as make go cargo; do command -v $tool; done
	echo end' >/tmp/nobody 2>&1
is "as nobody, without capabilities" "$(tr -s '\t' ' ' </tmp/nobody)" "65534
CapEff: 0000000000000000
CapBnd: 0000000000000000
solodisk $(sed -n 's/^VERSION := //p' "$SRC/Makefile")
/etc/solodisk/config.json: good; pools: 1, directories: 0
end"

# From here on the pod. Its root is one for all containers: each has what its own spec says.
mkdir -p $ROOT "$KEYS" /var/run/secrets/kubernetes.io/serviceaccount /var/lib/kubelet
ok "the image's root" ctr images mount --rw "$name" $ROOT
for file in token ca.crt namespace; do
	echo none >/var/run/secrets/kubernetes.io/serviceaccount/$file
done
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
new_key tenant >/dev/null

# The init container.
ok "root without a capability installs" pod_container install --rm || note "$(cat /run/install.json)"
is "it has none" "$(jq -c '[.process.capabilities.effective, .root.readonly, .process.noNewPrivileges]' /run/install.json)" '[[],true,true]'
call init
is "the driver answers on the node" "$result:$status" Success:0 || note "$answer"
like "in the mode that the manifest says" "$answer" '"attach":false'

# The agent, whose API server is away. Disks are prepared as an operator does it.
ok "the agent starts" pod_container agent --detach --null-io || note "$(cat /run/agent.json)"
ok "and is well" eventually 120 in_agent solodisk agent --probe
is "it sees the node's processes" "$(in_agent readlink /proc/self/ns/pid)" "$(readlink /proc/self/ns/pid)"
ok "a disk is prepared in it, with a key of the node" \
	in_agent solodisk prepare /dev/nvme1n1 --filesystem ext4 --encrypt luks2 --key file:tenant --yes
ok "another by plan, for this machine" in_agent sh -c \
	'solodisk plan --output /run/solodisk/plan.json && solodisk apply /run/solodisk/plan.json --yes'
is "they are what they should be" "$(state_of /dev/nvme0n1) $(state_of /dev/nvme1n1)" "ready ready"
like "the plan names the machine" "$(cat /run/solodisk/plan.json)" 0123456789abcdef

plain=$(volume_of /dev/nvme0n1)
secret=$(volume_of /dev/nvme1n1)
succeeds "the driver mounts the plain one" mount "$(pod 1)" "$(options "$plain" pv)"
succeeds "and the encrypted one" mount "$(pod 2)" "$(options "$secret" pv encryption=luks2 key=file:tenant)"
echo data >"$(pod 1)/file"
is "the agent sees what was mounted after it started" "$(in_agent cat "$(pod 1)/file")" data
not_ok "and would not erase it" in_agent solodisk erase nvme0n1 --no-prepare --yes
is "which is not touched" "$(state_of /dev/nvme0n1)" used

# Stages without a pod: the agent takes them away on the node, where alone they are, but for what is still in use.
staged() {
	grep -q "flexvolume/solodisk/disk/mounts/$1" /proc/self/mountinfo
}
unstaged() {
	! staged "$1"
}
is "the stages are not the agent's" "$(in_agent grep -c flexvolume/solodisk/disk/mounts/ /proc/self/mountinfo)" 0
(cd "$STAGES/$plain" && exec sleep 1000) &
umount "$(pod 1)" "$(pod 2)"
ok "a stage without a pod goes" eventually 120 unstaged "$secret" || note "$(</run/syslog)"
sleep 5
ok "one that something still uses stays" staged "$plain"
kill $!
ok "until that is gone" eventually 120 unstaged "$plain" || note "$(</run/syslog)"
ok "then it erases" in_agent solodisk erase nvme0n1 nvme1n1 --no-prepare --yes
is "the record is the node's" "$(wc -l </var/lib/solodisk/erase.log)" 2
ctr tasks kill agent
agent_ended() {
	! pgrep -f "solodisk agent" >/dev/null
}
ok "the agent ends when it is told to" eventually 60 agent_ended
no_leftovers
done_testing
