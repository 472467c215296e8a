# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# Two nodes with disks of their own: the scheduler takes the node that has a disk for the claim, the claim gets a disk of
# the node that the pod must be on, and a pod with data stays with its disk.
. "$SRC/tests/e2e/node-b.sh"
ok "a second node" start_node_b

publish a --filesystem xfs
on_node=node-b publish c --filesystem ext4
on_node=node-b publish d --filesystem xfs
# keeps WORD: the command of a pod that adds it to its log.
keeps() { printf 'echo %s >>/data/log; sync; trap "exit 0" TERM; while :; do sleep 1; done' "$1"; }

node_of() { field "$pod_path/$1" .spec.nodeName; }
# has_disk CLAIM DISK
has_disk() { is "claim $1 is bound to disk $2" "$(volume_of_claim "$1")" "solodisk.$(volume_of "$(vm dev "$2")")"; }

# Only node-b's largest disk is large enough.
claim large 700Mi
run_pod large large "$(keeps large)"
running large
is "the scheduler takes the node whose disk is large enough" "$(node_of large)" node-b
has_disk large c
is "the pod sees what it wrote" "$(in_pod large cat /data/log)" large

# A pod that must be on node-b gets that node's disk, although node-a has one as good.
claim there 300Mi
run_pod there there "$(keeps there)" '"nodeSelector": {"kubernetes.io/hostname": "node-b"}'
running there
has_disk there d

# And one that must be on node-a, one of node-a's.
claim here 300Mi
run_pod here here "$(keeps here)" '"nodeSelector": {"kubernetes.io/hostname": "node-a"}'
running here
has_disk here a
claim none 300Mi
run_pod none none "" '"nodeSelector": {"kubernetes.io/hostname": "node-b"}'
ok "where no disk is left the pod's event says so" eventually "$WAIT" event_says \
	'none FailedScheduling [^$]*persistent volumes to bind'
is "and the claim stays Pending" "$(claim_phase none)" Pending

# The data's node may take no pod: the pod waits for it, and goes nowhere else.
ok "its pod is deleted" delete_pod none there
api PATCH /api/v1/nodes/node-b '{"spec": {"unschedulable": true}}' >/dev/null
run_pod there there "$(keeps again)"
ok "while its node is cordoned the pod's event names the volume's node affinity" eventually "$WAIT" event_says \
	'there FailedScheduling [^$]*volume node affinity conflict'
is "it waits" "$(phase there)" Pending
api PATCH /api/v1/nodes/node-b '{"spec": {"unschedulable": null}}' >/dev/null
running there
is "and then runs beside its data" "$(node_of there) $(in_pod there cat /data/log | tr "\n" " ")" \
	"node-b there again "

# A StatefulSet whose pods must not share a node, and one whose pods must: their claims get disks to match.
publish b --filesystem xfs
on_node=node-b publish e --filesystem xfs
publish f --filesystem ext4
publish g --filesystem ext4
# stateful NAME SIZE podAffinity|podAntiAffinity: of two pods, which are made at once.
stateful() {
	api POST "$sets" '{"metadata": {"name": "'"$1"'"}, "spec": {"serviceName": "'"$1"'", "replicas": 2,
		"podManagementPolicy": "Parallel", "selector": {"matchLabels": {"set": "'"$1"'"}},
		"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "'"$CLASS"'",
			"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "'"$2"'"}}}}],
		"template": {"metadata": {"labels": {"set": "'"$1"'"}}, "spec": {"automountServiceAccountToken": false,
			"terminationGracePeriodSeconds": 5, "affinity": {"'"$3"'": {
				"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname",
					"labelSelector": {"matchLabels": {"set": "'"$1"'"}}}]}},
			"containers": [{"name": "main", "image": "localhost/test:1", "imagePullPolicy": "Never",
				"command": ["/bin/sh", "-c", "trap \"exit 0\" TERM; while :; do sleep 1; done"],
				"volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}}}' >/dev/null
	running "$1-0"
	running "$1-1"
	isnt "$1: each pod has a disk of its own" "$(volume_of_claim "data-$1-0")" "$(volume_of_claim "data-$1-1")"
}
sets=/apis/apps/v1/namespaces/default/statefulsets
stateful together 40Mi podAffinity
is "pods that must be together are" "$(node_of together-0)" "$(node_of together-1)"
stateful spread 300Mi podAntiAffinity
is "pods that must be apart are" "$(printf '%s\n' "$(node_of spread-0)" "$(node_of spread-1)" | sort | tr '\n' ' ')" "node-a node-b "
api DELETE $sets >/dev/null
for name in together-0 together-1 spread-0 spread-1; do
	ok "$name is deleted" eventually "$WAIT" pod_is_gone $name
done

# A node that goes down does not touch what the other one has.
container=$(container_of here)
ok "the pods of node-b are deleted" delete_pod large there
ok "the second node stops" stop_node_b
is "the first one's pod never stopped" "$(container_of here) $(in_pod here cat /data/log)" "$container here"
