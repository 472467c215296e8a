#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is in deploy/ renders; kustomize and Helm make the same objects of it; its configurations are right
# and the chart refuses wrong ones. The real API server looks at it in tests/vm/t-deploy.sh.
. "$(dirname "$0")/lib.sh"

requires "$BUILD/solodisk"
PATH=$("$SRC/tests/e2e/fetch-helm"):$PATH
CHART=$SRC/deploy/chart

manifests() {
	"$SRC/tests/cli/manifests.py" "$1" "$TMP/$2.yaml"
}

# renders NAME DIRECTORY: by kustomize, into NAME.yaml.
renders() {
	ok "kustomize renders $2" kubectl kustomize "$SRC/deploy/$2" -o "$TMP/$1.yaml"
}

# same NAME HELM-OPTION...: the chart makes the same objects as NAME.yaml.
same() {
	local name=$1
	shift
	ok "helm renders it too: $name" helm template solodisk "$CHART" --namespace solodisk \
		--set namespace.create=true --output-dir "$TMP/helm-$name" "$@"
	cat "$TMP/helm-$name"/solodisk/templates/*.yaml >"$TMP/helm-$name.yaml"
	manifests objects "$name" >"$TMP/expected"
	manifests objects "helm-$name" >"$TMP/got"
	is "they are the same objects" "$(diff "$TMP/expected" "$TMP/got" && wc -l <"$TMP/got")" \
		"$(wc -l <"$TMP/expected")"
}

# values NAME FILTER: the configuration in NAME.yaml as values of the chart, changed by a filter of jq.
values() {
	manifests config "$1" | jq "{config: .} | $2"
}

# takes FILE: the program takes this configuration.
takes() {
	chmod go-w "$1"
	"$BUILD/solodisk" --sysroot "$TMP/root" plan --config "$1" 2>&1
}

mkdir -p "$TMP/root"/{sys/block,sys/class/block,sys/dev/block,proc/self/ns,proc/sys/kernel/random,run,etc}
: >"$TMP/root/proc/swaps"
ln -s "pid:[4026531836]" "$TMP/root/proc/self/ns/pid"
ln -s "mnt:[4026531841]" "$TMP/root/proc/self/ns/mnt"
echo "1 0 0:1 / / rw - tmpfs tmpfs rw" >"$TMP/root/proc/self/mountinfo"
echo 7c7d8c2e-3b5a-4a55-9d0e-0d5f2d6c8b11 >"$TMP/root/proc/sys/kernel/random/boot_id"
echo 3d1219c7c4c5404aaa1f6d2a48adfda4 >"$TMP/root/etc/machine-id"

cp -r "$SRC/deploy" "$TMP/deploy" # the example's key is made by whoever uses it
head -c 64 /dev/urandom >"$TMP/deploy/examples/encrypted/key"

renders base .
renders attach overlays/attach
renders directories overlays/directories
ok "kustomize renders the example of an encrypted pool" \
	kubectl kustomize "$TMP/deploy/examples/encrypted" -o "$TMP/encrypted.yaml"
ok "base/ alone is the same" kubectl kustomize "$SRC/deploy/base" -o "$TMP/alone.yaml"
is "as deploy/" "$(<"$TMP/alone.yaml")" "$(<"$TMP/base.yaml")"

same base
same attach --set attach=true
values directories '.storageClasses = [{name: "local-disk"}, {name: "local-storage"}]' >"$TMP/values.json"
same directories --values "$TMP/values.json"
ok "helm finds nothing to complain about" helm lint --strict "$CHART"

for name in base attach directories encrypted; do
	manifests config $name >"$TMP/config.json"
	ok "the program takes the configuration: $name" takes "$TMP/config.json"
	jq -r '(.pools, .directories)[]?.storageClass' "$TMP/config.json" | sort >"$TMP/expected"
	is "and the classes that it names are there" \
		"$(manifests objects $name | jq -r 'select(.kind == "StorageClass").metadata.name' | sort)" \
		"$(<"$TMP/expected")"
done

version=$(sed -n 's/^VERSION := //p' "$SRC/Makefile")
is "the image is this version's" "$(manifests images attach)" "localhost/solodisk:$version"
is "and the chart" "$(sed -n 's/^\(appVersion\|version\): //p' "$CHART/Chart.yaml")" "$version"$'\n'"$version"

agent="hostPID privileged root /dev:rw /var/lib/kubelet:rw /run/solodisk:rw /run/cryptsetup:rw /etc/solodisk/keys \
/var/lib/solodisk:rw /etc/machine-id"
plugins=/usr/libexec/kubernetes/kubelet-plugins/volume/exec
is "what each container may do beyond its own walls" "$(manifests powers attach | sort)" \
	"solodisk-controller/idle:
solodisk-controller/install: root $plugins:rw /run/solodisk
solodisk/agent: $agent
solodisk/install: hostPID root $plugins:rw /run/solodisk"
is "and the agent that has directories" "$(manifests powers directories | grep agent)" \
	"solodisk/agent: $agent /mnt/disks:rw"

# The values

jq -S '[."$defs", .properties.config.properties]' "$CHART/values.schema.json" >"$TMP/got"
jq -S '[."$defs", .properties]' "$SRC/deploy/config.schema.json" >"$TMP/expected"
is "the values' schema has the configuration's in it (make programs)" "$(diff "$TMP/expected" "$TMP/got")" ""

# refused NAME REGEX HELM-OPTION...: the chart refuses these values and says which.
refused() {
	local name=$1 regex=$2 out status
	shift 2
	out=$(helm template solodisk "$CHART" "$@" 2>&1)
	status=$?
	is "refused: $name" "$status" 1
	like "by its name" "$out" "$regex"
}
refused "a value that is not known" "additional properties 'imgae' not allowed" --set imgae.tag=1
refused "no boolean" "'/attach': got string, want boolean" --set-string attach=yes
refused "a plugin directory that is no path" "'/kubelet/pluginDir'" --set kubelet.pluginDir=exec
values base '.config.pools[0].filesytem = "xfs"' >"$TMP/values.json"
refused "a pool with an unknown key" "'/config/pools/0'.*filesytem" --values "$TMP/values.json"
values base '.config.pools[0].encryption = "luks2"' >"$TMP/values.json"
refused "an encrypted pool without a key" "missing property 'key'" --values "$TMP/values.json"
values base '.config.directories = [{path: "/mnt/../etc", storageClass: "c"}]' >"$TMP/values.json"
refused "a directory with dots" "'/config/directories/0/path'" --values "$TMP/values.json"

cat >"$TMP/values.json" <<'END'
{"image": {"repository": "registry.example/solodisk", "tag": "7"}, "listen": "0.0.0.0:9095",
 "kubelet": {"rootDir": "/srv/kubelet", "pluginDir": "/opt/plugins"}, "nodeSelector": {"disks": "yes"},
 "tolerations": [{"operator": "Exists"}], "imagePullSecrets": [{"name": "pull"}]}
END
ok "other values" helm template solodisk "$CHART" -n storage --values "$TMP/values.json" --output-dir "$TMP/helm-other"
cat "$TMP/helm-other"/solodisk/templates/*.yaml >"$TMP/other.yaml"
is "go where they belong" "$(manifests objects other | jq -c 'select(.kind == "DaemonSet").spec.template.spec |
	[.initContainers[0].command[2], .containers[0].image, .containers[0].command[3],
	.containers[0].livenessProbe.exec.command[3], .nodeSelector.disks, .tolerations, .imagePullSecrets,
	(.volumes[] | select(.name == "kubelet" or .name == "plugins").hostPath.path)]')" \
	'["--plugin-dir=/opt/plugins","registry.example/solodisk:7","--listen=0.0.0.0:9095","--listen=0.0.0.0:9095","yes",'\
'[{"operator":"Exists"}],[{"name":"pull"}],"/opt/plugins","/srv/kubelet"]'
is "and all is in the release's namespace" \
	"$(manifests objects other | jq -r '.metadata.namespace // .subjects[0].namespace // empty' | sort -u)" storage
done_testing
