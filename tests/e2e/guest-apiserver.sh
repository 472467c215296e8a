# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The API server for a test in a guest: it runs on the host, where it is quick, and the guest has a route to the host's
# loopback addresses, and none beyond. Needs "# vm: --apiserver" at the top of the test, and lib.sh. The functions are
# apiserver.sh's. $HOST_KUBE is the host's $kube; what clients need of it is in the guest's own too.

HOST_KUBE=$STATE/kube
# shellcheck disable=SC2034 # the files below
api_address=10.0.2.2 proxy_address=10.0.2.2
# shellcheck source=/dev/null
. "$HOST_KUBE/ports"
. "$SRC/tests/e2e/apiserver.sh"
. "$SRC/tests/e2e/quick-api.sh"

start_apiserver() {
	if ! vm apiserver start "$@"; then
		note "$(cat "$HOST_KUBE/host.log")"
		return 1
	fi
	mkdir -p "$kube"
	cp "$HOST_KUBE"/*.{crt,key} "$kube/"
	make_kubeconfig "$KUBECONFIG" admin-token
}
stop_apiserver() {
	vm apiserver stop
}
kill_apiserver() {
	vm apiserver kill
}
start_scheduler() {
	vm apiserver scheduler
}
