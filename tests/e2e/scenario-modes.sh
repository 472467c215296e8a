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
is "the node has what attach answered" "$(field "/api/v1/nodes/$node" '.status.volumesAttached[0].devicePath')" \
	"/dev/disk/by-partuuid/$(volume_of "$(vm dev a)")"
controller_calls() {
	local calls
	read -r calls _ <<<"$(driver_calls "$(cat "$kube/kube-controller-manager.pid")")"
	echo "$calls"
}
called=$(controller_calls)
isnt "it was the controller-manager that ran the driver, in its bare root" "$called" 0
stage=$(findmnt -rno TARGET | grep -c '/flexvolume/solodisk/disk/mounts/')
is "it is staged once" "$stage" 1
note "driver calls so far, and those of the controller-manager: $(driver_calls), $called"
ok "the pod is deleted" delete_pod one
ok "and the volume is detached" eventually "$WAIT" is_attached 0
like "by the controller" "$(grep -a 'DetachVolume.Detach succeeded' "$kube/log/kube-controller-manager.log")" \
	"solodisk.$(volume_of "$(vm dev a)").* on node .*node-a"
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
