# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# attach: true. The attach/detach controller calls attach and detach in a root that holds nothing but the
# plugin directory, or kubelet calls them itself.
publish a --filesystem xfs
claim data 400Mi

attached() {
	field "/api/v1/nodes/$node" '.status.volumesAttached // [] | length'
}
is_attached() {
	[ "$(attached)" = "$1" ]
}

ok "attach: true, and the controller attaches" set_mode true true
run_pod one data 'echo one >>/data/log; sync; trap "exit 0" TERM; while :; do sleep 1; done'
running one
is "the node has the volume attached" "$(attached)" 1
ok "it was the controller that attached it" grep -q 'AttachVolume.Attach succeeded for volume' \
	"$kube/log/kube-controller-manager.log"
stage=$(findmnt -rno TARGET | grep -c '/flexvolume/solodisk/disk/mounts/')
is "it is staged once" "$stage" 1
ok "the pod is deleted" delete_pod one
ok "and the volume is detached" eventually "$WAIT" is_attached 0
ok "nothing is mounted any more" eventually 60 no_mounts

ok "attach: true, and kubelet attaches" set_mode true false
run_pod two data 'echo two >>/data/log; sync; trap "exit 0" TERM; while :; do sleep 1; done'
running two
is "the data of the other mode is there" "$(in_pod two cat /data/log)" "$(printf 'one\ntwo')"
ok "the pod is deleted" delete_pod two
ok "nothing is mounted any more" eventually 60 no_mounts
ok "attach: false again" set_mode false true
run_pod three data 'echo three >>/data/log; sync; trap "exit 0" TERM; while :; do sleep 1; done'
running three
is "and once more" "$(in_pod three cat /data/log)" "$(printf 'one\ntwo\nthree')"
