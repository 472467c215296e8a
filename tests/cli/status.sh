#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk status: the disks of a recorded tree beside the PersistentVolumes of an API server that answers
# from files, and what is shown without one.
. "$(dirname "$0")/lib.sh"

requires "$BUILD/solodisk"
ROOT=$TMP/root
ID=1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d
GONE=2a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d
unset KUBECONFIG NODE_NAME KUBERNETES_SERVICE_HOST

# One disk with a used volume.
sys=$ROOT/sys/block/nvme7n1
mkdir -p "$sys"/{queue,device,holders,nvme7n1p1/holders} "$ROOT"/{sys/class/block,sys/dev/block,dev,proc/self,run}
touch "$ROOT/proc/self/mountinfo" "$ROOT/proc/swaps"
write() {
	printf '%s\n' "$2" >"$sys/$1"
}
write dev 259:1
write size 131072
write wwid eui.0000000000000001
write removable 0
write ro 0
write hidden 0
write queue/logical_block_size 512
write queue/rotational 0
write queue/zoned none
write device/model "Test Disk"
write device/serial SERIAL1
write nvme7n1p1/partition 1
write nvme7n1p1/dev 259:2
write nvme7n1p1/start 2048
write nvme7n1p1/size 126976
ln -s ../../block/nvme7n1 "$ROOT/sys/class/block/nvme7n1"
ln -s ../../block/nvme7n1/nvme7n1p1 "$ROOT/sys/class/block/nvme7n1p1"
truncate -s 64M "$ROOT/dev/nvme7n1"
sfdisk -q "$ROOT/dev/nvme7n1" <<END
	label: gpt
	start=2048, size=126976, type=C2B0E314-76AD-4578-A8B0-A0C361A991D7, uuid=$ID, name="solodisk-used-${ID%%-*}"
END
truncate -s 62M "$ROOT/dev/nvme7n1p1"
mkfs.ext4 -q -U $ID "$ROOT/dev/nvme7n1p1"

mkdir "$TMP/api"
cat >"$TMP/server" <<'END'
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("requests", "a") as f:
            f.write(self.path + "\n")
        try:
            with open("nodes" if "/nodes/node-a" in self.path else "pvs", "rb") as f:
                status, body = 200, f.read()
        except FileNotFoundError:
            status, body = 404, b'{"kind": "Status", "message": "there is none"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as f:
    f.write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
END
cd "$TMP/api" || exit 1
python3 "$TMP/server" &
server=$!
at_exit "kill $server 2>/dev/null"
eventually 30 test -s port
cat >"$TMP/kubeconfig" <<END
clusters: [{name: c, cluster: {server: "http://127.0.0.1:$(cat port)"}}]
users: [{name: u, user: {token: HUSH}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
printf '{"metadata": {"name": "node-a", "labels": {"kubernetes.io/hostname": "host-a"}}}' >nodes

# pv NAME PHASE MORE: as the agent publishes it.
pv() {
	printf '{"metadata": {"name": "%s", "uid": "u-%s", "resourceVersion": "7", "labels": {"solodisk.io/node": "host-a"}, ' "$1" "$1"
	printf '"annotations": {"solodisk.io/pool": "fast"%s}}, "spec": {"capacity": {"storage": "64Mi"}, ' "${4:+, $4}"
	printf '"storageClassName": "fast", "persistentVolumeReclaimPolicy": "Delete"%s}, "status": {"phase": "%s"}}' "$3" "$2"
}
flex=', "flexVolume": {"driver": "solodisk/disk"}'
printf '{"metadata": {"resourceVersion": "9"}, "items": [%s, %s, %s]}' \
	"$(pv solodisk.$ID Bound "$flex, \"claimRef\": {\"namespace\": \"shop\", \"name\": \"database\"}" "")" \
	"$(pv solodisk.$GONE Available "$flex" '"solodisk.io/disk-missing-since": "2026-01-02T03:04:05Z"')" \
	"$(pv dir-1 Available ', "local": {"path": "/mnt/a"}' "")" >pvs

# output COMMAND...: sets $out, $err and $status.
output() {
	out=$("$@" 2>"$TMP/err")
	status=$?
	err=$(<"$TMP/err")
}
status() {
	output "$BUILD/solodisk" --sysroot "$ROOT" status "$@"
}

status --kubeconfig "$TMP/kubeconfig" --node-name node-a
is "status: exit code" "$status" 0
is "nothing on stderr" "$err" ""
like "disk, volume, PersistentVolume and claim in one line" "$out" \
	"nvme7n1 +64M used +ext4 +fast +solodisk.$ID Bound +shop/database"
like "a volume whose disk is not here" "$out" \
	"- +64M missing +fast +solodisk.$GONE Available +its disk is missing since 2026-01-02T03:04:05Z"
like "a directory's" "$out" "- +64M directory +fast +dir-1 +Available +/mnt/a"
is "the cluster is asked for this node's alone" "$(cat requests)" \
	"/api/v1/nodes/node-a
/api/v1/persistentvolumes?labelSelector=solodisk.io/node%3Dhost-a"

status --kubeconfig "$TMP/kubeconfig" --node-name node-a --json
is "the same in JSON" "$(jq -c '[.node, .disks[0].state, .disks[0].persistentVolume.claim,
	(.otherPersistentVolumes | map(.name)), .clusterUnknown]' <<<"$out")" \
	"[\"node-a\",\"used\",\"shop/database\",[\"solodisk.$GONE\",\"dir-1\"],null]"

export KUBECONFIG=$TMP/kubeconfig NODE_NAME=node-a
status
is "kubeconfig and name of the environment" "$status" 0
unset KUBECONFIG NODE_NAME

rm nodes
status --kubeconfig "$TMP/kubeconfig" --node-name node-a
is "no such Node: exit code" "$status" 1
like "and the disks are shown all the same" "$out" "nvme7n1 +64M used +ext4 "
like "with the server's word" "$err" "could not be told: the API server says: there is none"

kill $server
wait $server 2>/dev/null
status --kubeconfig "$TMP/kubeconfig" --node-name node-a --json
is "no server: exit code" "$status" 1
is "and the disks are shown all the same" "$(jq -r '.disks[0].state // empty' <<<"$out" | head -n 1)" used
like "with the reason" "$out" '"clusterUnknown": "PersistentVolumes and claims could not be told: '
unlike "no token is shown" "$out$err" HUSH

status --node-name node-a
is "no credentials: exit code" "$status" 1
like "and the reason" "$err" "this is no pod"
like "and the disks" "$out" "nvme7n1 +64M used +ext4 "
status --node-name ../../a
is "a name that is none" "$status" 2
status extra
is "an argument" "$status" 2
done_testing
