# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# solodisk installed as docs/operations.md says: the image of deploy/Dockerfile, an overlay on deploy/, "kubectl apply -k".
# Sourced by scenarios.
#
#	install_solodisk CONFIG-JSON	and waits until the agent's pod answers on this node
#	uninstall_solodisk		with all that it made; the test's own driver is there again
#	agent_pod			its name
#	pv_of DISK			the PersistentVolume of the volume that is on it; empty if there is none
#	is_clean DISK [NOT-THIS-ID]	its volume is ready, and its PersistentVolume Available
#	show_agent			for a failure

SITE=/tmp/site

# load_image: before it is needed, and unpacked. kubelet's patience for a container is two minutes.
load_image() {
	local name
	name=$(tar -xOf "$IMAGE" manifest.json | jq -r '.[0].RepoTags[0]')
	ctr -n k8s.io images ls -q | grep -qxF "$name" || ctr -n k8s.io images import "$IMAGE" >/dev/null
}

# What an administrator has in a repository of his own: the release's deploy/, and beside it his configuration.
write_site() {
	rm -rf "$SITE"
	mkdir -p "$SITE/mine"
	cp -r "$SRC/deploy" "$SITE/deploy"
	printf '%s\n' "$1" >"$SITE/mine/config.json"
	cat >"$SITE/mine/kustomization.yaml" <<-EOF
		apiVersion: kustomize.config.k8s.io/v1beta1
		kind: Kustomization
		namespace: solodisk
		resources: [../deploy]
		configMapGenerator:
		  - name: solodisk
		    behavior: replace
		    files: [config.json]
		    options: {disableNameSuffixHash: true}
	EOF
}

agent_pod() {
	field /api/v1/namespaces/solodisk/pods '[.items[] | select(.metadata.deletionTimestamp == null).metadata.name][0] // ""'
}
agent_is_ready() {
	[ "$(field /apis/apps/v1/namespaces/solodisk/daemonsets/solodisk \
		'.status | [.numberReady, .desiredNumberScheduled, .updatedNumberScheduled] | join(" ")')" = "1 1 1" ]
}
install_solodisk() {
	load_image && write_site "$1" || return 1
	rm -rf "$DRIVER_DIR"
	"$TOOLS/kubectl" apply -k "$SITE/mine" || return 1
	eventually "$WAIT" agent_is_ready
}

no_namespace() {
	! api GET /api/v1/namespaces/solodisk >/dev/null 2>&1
}
uninstall_solodisk() {
	"$TOOLS/kubectl" delete -k "$SITE/mine" --wait=false || return 1
	eventually "$WAIT" no_namespace || return 1
	make_storage_class >/dev/null
	deploy_driver false
}

pv_of() {
	local id
	id=$(volume_of "$1")
	[ -z "$id" ] || field "/api/v1/persistentvolumes/solodisk.$id" '.metadata.name // ""'
}
is_clean() {
	local id
	id=$(volume_of "$1")
	[ -n "$id" ] && [ "$id" != "${2:-}" ] && [ "$(state_of "$1")" = ready ] &&
		[ "$(field "/api/v1/persistentvolumes/solodisk.$id" .status.phase)" = Available ]
}

show_agent() {
	note "$(kubectl -n solodisk describe pods 2>&1 | tail -n 40)"
	note "$(tail -n 60 /var/log/pods/solodisk_*/*/*.log 2>&1)"
	note "$(kubectl get pv 2>&1)"
	note "$(api GET /api/v1/namespaces/default/events | jq -r '.items[] | select(.source.component == "solodisk").message' | tail -n 20)"
	note "$(tail -n 30 /run/syslog)"
}
