# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# What happens to pods while kubelet is down leaves nothing behind: kubelet calls unmount for what it still
# finds, the agent's sweep takes away the rest, a minute later at the latest.
. "$SRC/tests/e2e/agent.sh"

# pod_dir POD: where kubelet keeps it.
pod_dir() {
	echo "/var/lib/kubelet/pods/$(field "$pod_path/$1" .metadata.uid)"
}
# forget POD: from the API, at once.
forget() {
	api DELETE "$pod_path/$1?gracePeriodSeconds=0" >/dev/null
}
# kill_containers POD: behind kubelet's back.
kill_containers() {
	local id
	for id in $(ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.name\"==$1"); do
		ctr -n k8s.io tasks kill -s KILL "$id"
	done
}
has_no_task() {
	! ctr -n k8s.io tasks ls | grep RUNNING |
		grep -qFf <(ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.name\"==$1")
}

if [ ! -e "$STATE/rebooted" ]; then
	key=$(new_key restarts)
	cp "$key" "$STATE/restarts.key"
	publish a --filesystem xfs --encrypt luks2 --key-file "$key" -- --key file:restarts
	publish b --filesystem ext4 --encrypt luks2 --key-file "$key" -- --key file:restarts
	publish c --filesystem xfs
	for name in deleted removed; do
		claim "$name" 300Mi
		run_pod "$name" "$name"
		running "$name"
	done
	ok "an agent sweeps" start_agent

	ok "kubelet stops" stop_kubelet
	dir=$(pod_dir removed)
	forget deleted
	forget removed
	# As an administrator does who wants to get rid of it.
	kill_containers removed
	ok "its containers are gone" eventually 60 has_no_task removed
	findmnt -rno TARGET | grep "^$dir" | tac | xargs -r umount -l
	rm -rf --one-file-system "$dir"
	isnt "a stage, and a mapping, have no user any more" "$(leftovers)" ""
	start_kubelet
	ok "nothing is mounted, mapped, locked or noted a minute after kubelet is there again" eventually 90 no_mounts ||
		note "$(leftovers)"
	no_directory() {
		[ -z "$(find /var/lib/kubelet/pods -path '*/solodisk~disk/*')" ]
	}
	ok "nor is there a directory of a pod's volume" eventually 90 no_directory
	stop_agent

	claim rebooted 300Mi
	run_pod rebooted rebooted 'echo before >/data/marker; sync; trap "exit 0" TERM; while :; do sleep 1; done'
	run_pod lost deleted
	running rebooted
	running lost
	stop_kubelet
	forget lost
	sync -f "$kube"
	sync
	cp /run/syslog "$STATE/restarts.syslog"
	touch "$STATE/rebooted"
	note "reset after $SECONDS s"
	vm reset
	sleep 60
fi
mkdir -p "$KEYS" && cp "$STATE/restarts.key" "$KEYS/restarts"
# The API server has the pod as it was before the reset, running, until kubelet says otherwise.
has_its_data() {
	[ "$(in_pod rebooted cat /data/marker 2>/dev/null)" = before ]
}
ok "the node was reset: its pod runs again, with its data" eventually "$WAIT" has_its_data
ok "an agent sweeps" start_agent
one_volume() {
	[ "$(ls /run/solodisk/volume)" = "$(volume_of_claim rebooted | sed 's/^solodisk\.//').json" ]
}
ok "of the pod that was deleted before nothing is noted" eventually 60 one_volume
ok "the pod is deleted" delete_pod rebooted
ok "nothing is mounted, mapped, locked or noted" eventually 60 no_mounts || note "$(leftovers)"
stop_agent
