# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# The last scenario: no key that a Secret of this run had is anywhere but in the Secret. All components logged at
# verbosity 10, where they write down the bodies of API requests too; secret-search tells Secrets from the rest.
search() {
	"$SRC/tests/e2e/secret-search" "$STATE/keys" "$@"
}
isnt "the run had Secrets" "$(cat "$STATE"/keys/* 2>/dev/null)" ""
like "they were logged at verbosity 10" "$(grep -ahm 1 -o 'Response Body' "$kube/log/kubelet.log")" Body
# A search that finds nothing is to be seen finding something.
for key in "$STATE"/keys/*; do
	value=$(cat "$key")
	once=$(base64 -w0 "$key")
	printf 'args: [{"kubernetes.io/secret/key":"%s"}]\n' "$once" >/tmp/planted-base64
	printf 'key %s\n' "$value" >/tmp/planted-plain
	printf 'I1125 1 request.go:1097] Response Body:\n%s\n' "$(printf 'k8s\0\n\t\n\2v1\22\3Pod\22%s' "$value" | hexdump -C)" \
		>/tmp/planted-dump
	printf 'I1125 1 request.go:1097] Response Body:\n%s\n' \
		"$(printf 'k8s\0\n\14\n\2v1\22\6Secret\22%s' "$value" | hexdump -C)" >/tmp/planted-secret
done
is "what is planted is found" "$(search /tmp/planted-* | cut -d: -f1 | sort -u | tr '\n' ' ')" \
	"/tmp/planted-base64 /tmp/planted-dump /tmp/planted-plain "
is "no log has a key" "$(search {"$kube","$HOST_KUBE"}/log/*.log /run/syslog "$STATE"/*.syslog)" ""
kubectl get pv,pvc,pods,statefulsets,events,nodes,configmaps -A -o json >/tmp/objects.json
is "nor has an object but the Secret" "$(search /tmp/objects.json)" ""
