#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real API server that other tests talk to: it starts, checks who asks, and keeps what it was told.
# vm: --apiserver
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"

pv='{"metadata": {"name": "pv-1"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
	"flexVolume": {"driver": "solodisk/disk"}}}'
pvs=/api/v1/persistentvolumes

# as TOKEN PATH: the status of a GET.
as() {
	curl -s --cacert "$kube/ca.crt" -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" "$APISERVER$2"
}

begin=$SECONDS
ok "the API server starts" start_apiserver
note "ready after $((SECONDS - begin)) s, $(ps -C etcd,kube-apiserver -o comm=,rss=,time= | tr -s ' \n' ' ') (KiB, CPU)"
ok "an object is made" api POST $pvs "$pv"
not_ok "what is no PersistentVolume is refused" api POST $pvs '{"metadata": {"name": "pv-2"}, "spec": {}}'
ok "a Node is made" make_node node-a host-a
like "with its host name" "$(api GET /api/v1/nodes/node-a)" '"kubernetes.io/hostname": ?"host-a"'

ok "a service account's credentials" make_pod_credentials /tmp/pod kube-system agent
token=$(cat /tmp/pod/token)
is "nobody is let in without a token" "$(as nonsense $pvs)" 401
is "nor may a service account without a role see anything" "$(as "$token" $pvs)" 403
cat >/tmp/role <<'EOF'
{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "agent"},
 "rules": [{"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get", "list"]}]}
EOF
ok "kubectl works" kubectl apply -f /tmp/role
ok "and binds the role" kubectl create clusterrolebinding agent --clusterrole=agent \
	--serviceaccount=kube-system:agent
may_list() {
	[ "$(as "$token" $pvs)" = 200 ]
}
ok "then it may" eventually 30 may_list
is "but no more than that" "$(as "$token" /api/v1/nodes)" 403
not_ok "a server with another certificate is not believed" \
	curl -sS --cacert /etc/ssl/certs/ca-certificates.crt "$APISERVER/readyz"

kill_apiserver
not_ok "the API server was killed" api GET $pvs/pv-1
begin=$SECONDS
ok "it starts again" start_apiserver
note "ready again after $((SECONDS - begin)) s"
ok "and has not forgotten the object" api GET $pvs/pv-1
stop_apiserver
done_testing
