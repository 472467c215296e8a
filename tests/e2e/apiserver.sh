# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A real API server on a real etcd, with RBAC, TLS and service account tokens. Needs $KUBERNETES and lib.sh. A test in
# a guest wants guest-apiserver.sh, which has the same functions, if it does not look into the server itself.
#
#	start_apiserver			etcd too; also after stop_ and kill_apiserver, with the same objects
#	stop_apiserver, kill_apiserver	SIGTERM, SIGKILL; stop_etcd
#	api METHOD PATH [BODY]		as admin, by curl, the answer on stdout; a failure is an exit status.
#					Quick: starting kubectl takes an emulated CPU a second
#	kubectl ...			as admin
#	make_node NAME HOSTNAME		a Node object with that kubernetes.io/hostname label
#	make_token NAMESPACE NAME	a token of this service account, which it makes; on stdout
#	make_kubeconfig FILE TOKEN	for a client with that token
#	make_pod_credentials DIR NAMESPACE NAME	as in a pod: token, ca.crt, namespace
#
# $kube has ca.crt, admin.kubeconfig, log/*.log. $APISERVER is https://127.0.0.1:6443.
#
# No test waits for any of this to be fast.

kube=${kube:-/run/kubernetes}
api_port=${api_port:-6443}
etcd_port=${etcd_port:-2379}
APISERVER=https://${api_address:-127.0.0.1}:$api_port
export KUBECONFIG=$kube/admin.kubeconfig
PATH=$KUBERNETES/bin:$PATH

# Who may ask without a service account: token, user, uid, groups. RBAC knows them by these names, but for the
# controllers: each would have an account of its own, and two dozen of these cost an emulated CPU a minute.
kube_clients() {
	cat <<-EOF
		admin-token,admin,admin,"system:masters"
		controller-manager-token,system:kube-controller-manager,kcm,"system:masters"
		scheduler-token,system:kube-scheduler,ks
		node-a-token,system:node:node-a,node-a,"system:nodes"
		node-b-token,system:node:node-b,node-b,"system:nodes"
	EOF
}

# An authority, a certificate of the server and a key for service account tokens. Elliptic curves: quick.
make_certificates() {
	local names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
	names+=,IP:127.0.0.1,IP:10.96.0.1,IP:10.10.0.1,IP:10.0.2.2
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=test-ca \
		-keyout "$kube/ca.key" -out "$kube/ca.crt"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=kube-apiserver \
		-CA "$kube/ca.crt" -CAkey "$kube/ca.key" -addext "subjectAltName=$names" \
		-addext basicConstraints=CA:FALSE -keyout "$kube/apiserver.key" -out "$kube/apiserver.crt"
	openssl ecparam -name prime256v1 -genkey -noout -out "$kube/tokens.key"
}

# make_credentials: once, of all that there are above.
make_credentials() {
	[ ! -e "$kube/ca.crt" ] || return 0
	mkdir -p "$kube"
	make_certificates 2>"$kube/openssl.log" || return 1
	kube_clients >"$kube/clients.csv"
	make_kubeconfig "$KUBECONFIG" admin-token
}

make_kubeconfig() {
	cat >"$1" <<-EOF
		apiVersion: v1
		kind: Config
		clusters: [{name: test, cluster: {server: "$APISERVER", certificate-authority: $kube/ca.crt}}]
		users: [{name: test, user: {token: "$2"}}]
		contexts: [{name: test, context: {cluster: test, user: test}}]
		current-context: test
	EOF
}

# start_daemon NAME COMMAND...: in the background, with its output in $kube/log/NAME.log.
start_daemon() {
	local name=$1
	shift
	mkdir -p "$kube/log"
	# Go's collector and its preemption by signals cost an emulated CPU most of all.
	GOGC=${GOGC:-300} GODEBUG=asyncpreemptoff=1 setsid "$@" </dev/null >>"$kube/log/$name.log" 2>&1 &
	echo $! >"$kube/$name.pid"
}

# stop_daemon NAME [SIGNAL]: and waits for its end.
stop_daemon() {
	local pid
	pid=$(cat "$kube/$1.pid" 2>/dev/null) || return 0
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	eventually 60 daemon_is_gone "$1" || kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	rm -f "$kube/$1.pid"
}
daemon_is_gone() {
	! kill -0 "$(cat "$kube/$1.pid")" 2>/dev/null
}

start_etcd() {
	[ ! -e "$kube/etcd.pid" ] || daemon_is_gone etcd || return 0
	start_daemon etcd etcd --data-dir "$kube/etcd" --log-level warn \
		--listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
		--listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))"
}
stop_etcd() {
	stop_daemon etcd
}

# start_apiserver [FLAG...]: ready when it returns.
start_apiserver() {
	make_credentials || return 1
	start_etcd
	# Without fairness among clients, whose statistics alone keep an emulated CPU half busy.
	start_daemon kube-apiserver kube-apiserver --etcd-servers="http://127.0.0.1:$etcd_port" \
		--secure-port="$api_port" --advertise-address=10.10.0.1 --endpoint-reconciler-type=none \
		--enable-priority-and-fairness=false \
		--kubelet-preferred-address-types=InternalIP --service-cluster-ip-range=10.96.0.0/24 \
		--tls-cert-file="$kube/apiserver.crt" --tls-private-key-file="$kube/apiserver.key" \
		--client-ca-file="$kube/ca.crt" --token-auth-file="$kube/clients.csv" \
		--authorization-mode=Node,RBAC --allow-privileged \
		--service-account-issuer=https://kubernetes.default.svc \
		--service-account-key-file="$kube/tokens.key" \
		--service-account-signing-key-file="$kube/tokens.key" "$@"
	eventually 600 apiserver_is_ready_or_gone
	apiserver_is_ready && return
	note "no API server:" "$(tail -n 20 "$kube/log/kube-apiserver.log" "$kube/log/etcd.log")"
	return 1
}
apiserver_is_ready() {
	[ "$(api GET /readyz 2>/dev/null)" = ok ]
}
apiserver_is_ready_or_gone() {
	apiserver_is_ready || daemon_is_gone kube-apiserver
}
# Not in a guest either, and never stopped.
start_scheduler() {
	make_kubeconfig "$kube/scheduler.kubeconfig" scheduler-token
	start_daemon kube-scheduler kube-scheduler --kubeconfig="$kube/scheduler.kubeconfig" \
		--port=0 --secure-port=0 --leader-elect=false --v=4
}
stop_apiserver() {
	stop_daemon kube-apiserver
}
kill_apiserver() {
	stop_daemon kube-apiserver KILL
}

api() {
	local method=$1 path=$2 type=application/json
	# What kubectl patch sends by default for objects of any kind.
	[ "$method" != PATCH ] || type=application/merge-patch+json
	set -- "${@:3}"
	curl -sS --fail-with-body --cacert "$kube/ca.crt" -H "Authorization: Bearer admin-token" \
		-X "$method" ${1:+-H "Content-Type: $type" --data-binary "$1"} "$APISERVER$path"
}

make_node() {
	api POST /api/v1/nodes '{"kind": "Node", "apiVersion": "v1", "metadata": {"name": "'"$1"'",
		"labels": {"kubernetes.io/hostname": "'"$2"'"}}}' >/dev/null
}

make_token() {
	local accounts=/api/v1/namespaces/$1/serviceaccounts answer
	if ! api GET "$accounts/$2" >/dev/null 2>&1; then
		[ "$1" = default ] || api GET "/api/v1/namespaces/$1" >/dev/null 2>&1 ||
			api POST /api/v1/namespaces '{"metadata": {"name": "'"$1"'"}}' >/dev/null || return 1
		api POST "$accounts" '{"metadata": {"name": "'"$2"'"}}' >/dev/null || return 1
	fi
	answer=$(api POST "$accounts/$2/token" '{"spec": {"expirationSeconds": 7200}}') || return 1
	answer=${answer#*\"token\":}
	answer=${answer#*\"}
	printf '%s' "${answer%%\"*}"
}

make_pod_credentials() {
	mkdir -p "$1"
	make_token "$2" "$3" >"$1/token" || return 1
	cp "$kube/ca.crt" "$1/ca.crt"
	printf '%s' "$2" >"$1/namespace"
}
