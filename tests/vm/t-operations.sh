#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/operations.md: each recipe is run as it is written there, with real disks, the bundle and the real API
# server, and does what the page says.
# vm: --apiserver --provide TOOLS=tests/e2e/fetch-helm
# vm: --disk nvme,size=400M --disk nvme,size=400M --disk nvme,size=64M
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"
. "$SRC/tests/vm/driver.sh"
PATH=$BUNDLE:$TOOLS:$PATH

# recipe HEADING [N]: runs the blocks of this section, or the Nth alone, in one shell.
recipe() {
	awk -v heading="## $1" -v wanted="${2:-0}" '
		/^## / { in_section = $0 == heading }
		in_section && /^```/ { in_block = !in_block; n += in_block; next }
		in_section && in_block && (!wanted || n == wanted)' "$SRC/docs/operations.md" >/tmp/recipe
	echo "## $1" >>/tmp/run
	[ -s /tmp/recipe ] || echo "echo there is no such recipe; exit 1" >/tmp/recipe
	ok "$1${2:+, block $2}" bash -e -o pipefail /tmp/recipe
}
pv() {
	kubectl get pv "solodisk.$1" -o "jsonpath=$2"
}

start_apiserver || exit 1
make_node node-a host-a
mkdir -p /etc/solodisk "$PODS" "$PLUGINS" "$(dirname "$STAGES")"
cp "$SRC/deploy/base/config.json" /etc/solodisk/config.json
chmod 0644 /etc/solodisk/config.json
key_file=$(new_key tenant)
secret=$(prepare /dev/nvme2n1 --filesystem ext4 --encrypt luks2 --key file:tenant)
export node=node-a disk=nvme0n1 id claim=default/data key=tenant

recipe Install
call init
is "kubelet finds a driver" "$result:$status" Success:0
is "and the cluster an agent" "$(kubectl -n solodisk get daemonset solodisk -o 'jsonpath={.spec.template.spec.containers[*].name}')" agent

recipe "Prepare disks"
id=$(volume_of /dev/nvme0n1)
is "the blank disks are ready" "$(state_of /dev/nvme0n1) $(state_of /dev/nvme1n1)" "ready ready"
is "one has a PersistentVolume" "$(pv "$id" '{.spec.flexVolume.options.volumeID}')" "$id"

succeeds "a pod" mount "$(pod 1)" "$(options "$id" pv)"
echo of-the-tenant >"$(pod 1)/file"
mounted=$(grep solodisk /proc/self/mountinfo)
new=/opt/next
export new
cp -a "$BUNDLE" $new
before=$(readlink "$DRIVER")
echo 99.0.0-01234567 >$new/driver/.version
recipe Upgrade
like "the new version is called" "$(readlink "$DRIVER")" 99.0.0
is "nothing was mounted anew" "$(grep solodisk /proc/self/mountinfo)" "$mounted"
recipe "Roll back" 2
is "the old version is called" "$(readlink "$DRIVER")" "$before"
is "and nothing was mounted anew" "$(grep solodisk /proc/self/mountinfo)" "$mounted"
not_ok "it is not uninstalled under a pod" solodisk uninstall

# Of all that runs in a cluster that takes what keeps a DaemonSet's revisions.
make_kubeconfig "$kube/controller.kubeconfig" controller-manager-token
start_daemon kube-controller-manager kube-controller-manager --kubeconfig="$kube/controller.kubeconfig" --controllers=daemonset \
	--leader-elect=false --port=0 --secure-port=0
images() {
	kubectl -n solodisk get daemonset solodisk -o 'jsonpath={.spec.template.spec.initContainers[*].image} {.spec.template.spec.containers[*].image}'
}
revisions_are() {
	[ "$(kubectl -n solodisk get controllerrevisions -o name | wc -l)" = "$1" ]
}
old=$(images)
ok "the DaemonSet has a revision" eventually 120 revisions_are 1
ok "a new release's image" kubectl -n solodisk set image daemonset/solodisk '*=example.org/solodisk:99'
is "is what it has" "$(images | tr ' ' '\n' | sort -u)" example.org/solodisk:99
ok "and has another revision" eventually 120 revisions_are 2
recipe "Roll back" 1
is "it has the old image" "$(images)" "$old"
stop_daemon kube-controller-manager
succeeds "the pod ends" unmount "$(pod 1)"

cp "$key_file" /tmp/old-key
disk=nvme2n1
recipe "Rotate a key"
succeeds "the new key opens the volume" mount "$(pod 2)" "$(options "$secret" encryption=luks2 key=file:tenant pv)"
succeeds "and that pod ends" unmount "$(pod 2)"
cp /tmp/old-key "$KEYS/old"
chmod 0600 "$KEYS/old"
fails "the old one does not" 'wrong key' mount "$(pod 2)" "$(options "$secret" encryption=luks2 key=file:old pv)"

disk=nvme0n1
kubectl delete pv "solodisk.$id" --wait=false >/dev/null
kubectl patch pv "solodisk.$id" --type=json -p '[{"op": "remove", "path": "/metadata/finalizers"}]' >/dev/null
rm -rf /run/solodisk "$DRIVER_DIR"
recipe "Rebuild a node"
is "the volume is its claim's again" "$(pv "$id" '{.spec.claimRef.namespace}/{.spec.claimRef.name}')" default/data
succeeds "a pod there" mount "$(pod 3)" "$(options "$id" pv)"
is "finds its data" "$(cat "$(pod 3)/file")" of-the-tenant
succeeds "it ends" unmount "$(pod 3)"

recipe "Replace a disk" 1
isnt "the PersistentVolume goes" "$(pv "$id" '{.metadata.deletionTimestamp}')" ""
is "the node takes no pod" "$(kubectl get node node-a -o 'jsonpath={.spec.unschedulable}')" true
is "the disk is blank" "$(tr -d '\0' </dev/nvme0n1 | head -c 1 | wc -c)" 0
recipe "Replace a disk" 2
is "the node takes pods again" "$(kubectl get node node-a -o 'jsonpath={.spec.unschedulable}')" ""

export namespace=kube-system provisioner=local-volume-provisioner
kubectl apply -f - >/dev/null <<'END'
{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "local-volume-provisioner", "namespace": "kube-system"},
 "spec": {"selector": {"matchLabels": {"app": "p"}}, "template": {"metadata": {"labels": {"app": "p"}},
 "spec": {"containers": [{"name": "p", "image": "p"}]}}}}
END
recipe "Move over from the static provisioner"
is "the old one is gone" "$(kubectl -n kube-system get daemonsets -o name)" ""
like "the agent has the directories" "$(kubectl -n solodisk get configmap solodisk -o 'jsonpath={.data.config\.json}')" '/mnt/disks'
like "and sees mounts in them" "$(kubectl -n solodisk get daemonset solodisk -o 'jsonpath={range .spec.template.spec.containers[0].volumeMounts[*]}{.mountPath}:{.mountPropagation} {end}')" '/mnt/disks:HostToContainer'

recipe Uninstall
is "the driver is gone" "$(ls "$PLUGINS")" ""
is "and the agent's account can do nothing" "$(kubectl get clusterrolebinding solodisk --ignore-not-found)" ""
is "each recipe of the page was run" "$(sort -u /tmp/run)" "$(grep '^## ' "$SRC/docs/operations.md" | sort)"
no_leftovers
done_testing
