#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk doctor, on recorded nodes: a good one, then one fault after the other.
set -u
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
requires "$SRC/build/bundle/driver/.version" "$BUILD/solodisk"
PLUGINS=/opt/plugins
N=$TMP/node

# good_node: everything is as it should be; kubelet is process 77.
good_node() {
	rm -rf "$N"
	mkdir -p "$N"/{run,etc,proc/1,proc/77,proc/sys/kernel,sys/module/xfs,lib/modules/6.1,var/lib/kubelet}
	printf 'init\0' >"$N/proc/1/cmdline"
	printf '%s\0' kubelet --volume-plugin-dir=$PLUGINS >"$N/proc/77/cmdline"
	ln -s ../.. "$N/proc/77/root"
	echo 6.1 >"$N/proc/sys/kernel/osrelease"
	echo "kernel/drivers/md/dm-crypt.ko: kernel/drivers/md/dm-mod.ko" >"$N/lib/modules/6.1/modules.dep"
	echo "kernel/fs/ext4/ext4.ko" >"$N/lib/modules/6.1/modules.builtin"
	printf '1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 8:1 / /var/lib/kubelet rw shared:4 - xfs /dev/sdb rw\n' >"$N/proc/1/mountinfo"
	"$BUILD/solodisk" install --root "$N" --from "$SRC/build/bundle/driver" "$@" >/dev/null
}
doctor() {
	"$BUILD/solodisk" --sysroot "$N" doctor "$@"
}
# says NAME STATUS REGEX: one line has this status and matches; 3 is the exit code if it is a fail, else 0.
says() {
	local code=0
	[ "$2" != fail ] || code=3
	exits "$1: exit code" $code doctor
	like "$1: what to mend" "$(grep "^$2 " "$tests_output")" "$3"
}

good_node
exits "a good node" 0 doctor
is "has no fault" "$(grep -v '^ok ' "$tests_output")" ""
like "modules: loaded, built in, loadable" "$(<"$tests_output")" "xfs: loaded.*ext4: built in.*dm_crypt: can be loaded"
like "kubelet sees the driver" "$(<"$tests_output")" "kubelet sees the driver in $PLUGINS"
is "in JSON" "$(doctor --json | jq -r .status)" ok
is "with the same checks" "$(doctor --json | jq -r '.checks[] | "\(.status)    \(.check): \(.text)"')" "$(<"$tests_output")"
before=$(find "$N" -printf '%p %i %T@\n' | sort)
doctor >/dev/null
is "and looks only" "$(find "$N" -printf '%p %i %T@\n' | sort)" "$before"

: >"$N/lib/modules/6.1/modules.dep"
says "no dm-crypt" warn "dm_crypt is neither.*encrypted volumes"
good_node && sed -i 's/shared:4 //' "$N/proc/1/mountinfo"
says "a private mount" fail "mount --make-rshared /var/lib/kubelet"
good_node && rm "$N/proc/1/mountinfo"
says "mounts that cannot be read" warn "process 1 cannot be read"
good_node && mv "$N$PLUGINS" "$N/opt/other"
says "no driver" fail "none in $PLUGINS: solodisk install"
good_node && rm "$N/proc/77/root" && mkdir -p "$N/proc/77/root"
says "kubelet in a container without the directory" fail "process 77. does not see"
cp -r "$N/opt" "$N/proc/77/root/opt"
says "or with another copy in it" fail "process 77. does not see"
good_node && rm "$N/proc/77/root"
says "a kubelet of whom nothing can be seen" warn "run this as root"
good_node && rm -r "$N/proc/77"
"$BUILD/solodisk" install --root "$N" --from "$SRC/build/bundle/driver" >/dev/null
says "no kubelet" warn "no kubelet runs here"
good_node --attach true
says "attach mode, the controller elsewhere" warn "controller-manager attaches; it does not run here"
mkdir "$N/proc/88" && ln -s ../.. "$N/proc/88/root"
printf '%s\0' /bin/kube-controller-manager --flex-volume-plugin-dir=$PLUGINS >"$N/proc/88/cmdline"
exits "the controller here sees it too" 0 doctor
printf '%s\0' /bin/kube-controller-manager >"$N/proc/88/cmdline"
says "the controller here has another directory" fail "controller-manager .process 88. does not see.*libexec"
good_node --attach true
printf '%s\0' kubelet --volume-plugin-dir=$PLUGINS --enable-controller-attach-detach=false >"$N/proc/77/cmdline"
exits "kubelet attaches by itself" 0 doctor

# The cluster's word. It is a server of this test's, on loopback, so without TLS.
unset KUBECONFIG NODE_NAME KUBERNETES_SERVICE_HOST
cat >"$TMP/server.py" <<'END'
import http.server
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
END
mkdir -p "$TMP/api/api/v1/nodes"
(cd "$TMP/api" && exec python3 "$TMP/server.py" >"$TMP/port") &
server=$!
at_exit "kill $server 2>/dev/null"
eventually 30 test -s "$TMP/port"
cat >"$TMP/kubeconfig" <<END
{"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:$(<"$TMP/port")"}}],
 "users": [{"name": "u", "user": {"token": "t"}}],
 "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
END
chmod 0600 "$TMP/kubeconfig"
# annotate [ANNOTATION...]: the Node has these.
annotate() {
	jq -n '{metadata: {name: "node-a", annotations: ($ARGS.positional | map({(.): "true"}) | add)}}' --args "$@" \
		>"$TMP/api/api/v1/nodes/node-a"
}
managed=volumes.kubernetes.io/controller-managed-attach-detach
asks() {
	doctor --kubeconfig "$TMP/kubeconfig" --node-name node-a
}
good_node --attach true
mkdir "$N/proc/88" && ln -s ../.. "$N/proc/88/root"
printf '%s\0' /bin/kube-controller-manager --flex-volume-plugin-dir=$PLUGINS >"$N/proc/88/cmdline"
annotate $managed
exits "kubelet and cluster want the controller to attach" 0 asks
annotate volumes.kubernetes.io/keep-terminated-pod-volumes
exits "kubelet waits for a controller that does not attach for its Node" 3 asks
like "is told" "$(grep ^fail "$tests_output")" "waits for the controller-manager.*$managed; restart kubelet"
printf 'kind: KubeletConfiguration\nenableControllerAttachDetach: false\n' >"$N/kubelet.yaml"
printf '%s\0' kubelet --volume-plugin-dir=$PLUGINS --config=/kubelet.yaml >"$N/proc/77/cmdline"
exits "kubelet attaches by itself, and the cluster knows it" 0 asks
like "is told" "$(grep 'attach mode' "$tests_output")" "^ok .*kubelet attaches by itself"
annotate $managed
exits "both attach" 3 asks
like "is told" "$(grep ^fail "$tests_output")" "controller-manager does too.*$managed; restart kubelet"
"$BUILD/solodisk" install --root "$N" --from "$SRC/build/bundle/driver" --attach false >/dev/null
exits "where the driver is not attached it does not matter" 0 asks
rm "$TMP/api/api/v1/nodes/node-a"
exits "a Node that there is not" 0 asks
like "is told" "$(grep ^warn "$tests_output")" "attach mode: Node node-a cannot be asked"
exits "which Node?" 2 doctor --kubeconfig "$TMP/kubeconfig"
exits "not any path" 2 doctor --kubeconfig "$TMP/kubeconfig" --node-name ../secrets
NODE_NAME=node-a exits "in no pod nothing is asked" 0 doctor
is "nor told" "$(grep -v '^ok ' "$tests_output")" ""

good_node && echo '{"attach": "yes"}' >"$N$PLUGINS/solodisk~disk/.config.json"
says "a wrong mode" fail 'attach mode: .*"attach"'
good_node && mkdir -p "$N/etc/solodisk/keys" && (umask 022 && echo secret-text >"$N/etc/solodisk/keys/tenant")
says "a key that others may read" fail "tenant"
unlike "is not shown" "$(<"$tests_output")" secret-text
good_node && mkdir -p "$N/etc/solodisk" && echo '{"pools": 3}' >"$N/etc/solodisk/config.json"
says "a wrong configuration" fail "config.json.*pools"
good_node && mkdir "$N$PLUGINS/.solodisk.new.1.1"
says "what an install left" warn "stop kubelet, remove it"
good_node && printf '%s\0' kubelet --config=/none.yaml >"$N/proc/77/cmdline"
says "kubelet's configuration is gone" fail "none.yaml"
done_testing
