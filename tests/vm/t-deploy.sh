#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real API server takes all that is in deploy/, as the current kubectl sends it, and knows every field of it;
# what the agent's account may do is what it needs and nothing more.
# vm: --apiserver --provide TOOLS=tests/e2e/fetch-helm
# timeout: 1200
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"

current=$TOOLS/kubectl # Kubernetes' own of 1.20 is in the PATH
start_apiserver || exit 1
cp -r "$SRC/deploy" /tmp/deploy
head -c 64 /dev/urandom >/tmp/deploy/examples/encrypted/key

# The namespace must be there for a dry run of what is in it.
ok "kubectl apply -k deploy/" "$current" apply -k /tmp/deploy
is "what is there then" "$(grep -c . "$tests_output"):$(grep -c ' created$' "$tests_output")" 7:7

# A field that the API does not know would be dropped without a word: so what the server would store is
# compared with what was sent.
cat >/tmp/lost.py <<'END'
import json, sys, yaml
def lost(sent, stored, path):
    if isinstance(sent, dict):
        for key, value in sent.items():
            if key not in stored:
                yield f"{path}.{key}"
            else:
                yield from lost(value, stored[key], f"{path}.{key}")
    elif isinstance(sent, list):
        for i, value in enumerate(sent):
            yield from lost(value, stored[i], f"{path}[{i}]") if i < len(stored) else [f"{path}[{i}]"]
def kind(o):
    return o["kind"], o["metadata"]["name"]
sent = {kind(o): o for o in yaml.safe_load_all(open(sys.argv[1])) if o}
stored = json.load(open(sys.argv[2]))
stored = {kind(o): o for o in stored.get("items", [stored])}
for name, o in sent.items():
    o.pop("stringData", None)
    for path in lost(o, stored[name], "/".join(name)) if name in stored else [f"{name}: nothing"]:
        print(path)
END

# taken NAME FILE: by the server, whole.
taken() {
	"$current" apply --dry-run=server -o json -f "$2" >/tmp/stored.json 2>/tmp/error
	is "the server takes it: $1" "$?:$(</tmp/error)" "0:" || return
	is "with every field" "$(/usr/bin/python3 /tmp/lost.py "$2" /tmp/stored.json 2>&1)" ""
}
for directory in overlays/attach overlays/directories examples/encrypted; do
	"$current" kustomize "/tmp/deploy/$directory" >/tmp/manifest.yaml
	taken "deploy/$directory" /tmp/manifest.yaml
done
"$TOOLS/helm" template solodisk /tmp/deploy/chart --namespace solodisk --set attach=true \
	--set listen=0.0.0.0:9095 --set imagePullSecrets[0].name=pull --set tolerations[0].operator=Exists \
	--set config.directories[0].path=/mnt/disks --set config.directories[0].storageClass=local-disk \
	>/tmp/manifest.yaml
taken "the chart" /tmp/manifest.yaml
make_token default default >/dev/null # no controller makes the account that pods need
for example in /tmp/deploy/examples/*.yaml; do
	taken "${example##*/}" "$example"
done

sed -i 's/terminationGracePeriodSeconds/terminationGraceSeconds/' /tmp/deploy/base/daemonset.yaml
"$current" kustomize /tmp/deploy >/tmp/manifest.yaml
"$current" apply --dry-run=server --validate=false -o json -f /tmp/manifest.yaml >/tmp/stored.json
is "a field that is no field is found" "$(/usr/bin/python3 /tmp/lost.py /tmp/manifest.yaml /tmp/stored.json)" \
	"DaemonSet/solodisk.spec.template.spec.terminationGraceSeconds"

# What the account may do, in the words of the server.
"$current" auth can-i --list --as system:serviceaccount:solodisk:solodisk \
	--as-group system:serviceaccounts --as-group system:authenticated --no-headers >/tmp/rights
is "its rights" "$(grep -v '^selfsubject\|^ *\[/' /tmp/rights | tr -s ' ' | sort)" \
	"events [] [] [create]
nodes [] [] [get]
persistentvolumes [] [] [get list watch create update patch delete]
storageclasses.storage.k8s.io [] [] [get]"
exits "so it may read no Secret" 1 "$current" auth can-i get secrets --quiet --as system:serviceaccount:solodisk:solodisk
done_testing
