# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016 # cluster.sh and pods.sh set what is only read here; the pods' own shell
# Claims come and go over eight disks, half of them encrypted, each with a pod that looks for another's data and leaves
# its own. The agent, which is killed twice meanwhile, erases each disk and publishes it again. tests/e2e/run says how to have more of them.
. "$SRC/tests/e2e/agent.sh"
claims=${CHURN:-16}
results=/tmp/churn seen=/tmp/churn-seen
rm -f $results
: >$seen
disks=() serials=()
for name in f g h i j k l m; do
	disk=$(vm dev $name)
	disks+=("$disk")
	serials+=("$(solodisk list --json "$disk" | jq -r '.disks[0].serial')")
done
# serials_of FROM: four of them, as JSON.
serials_of() {
	printf '"%s"\n' "${serials[@]:$1:4}" | paste -sd,
}
# all_clean: every disk has one PersistentVolume, which nobody has claimed, and there is no other one.
all_clean() {
	local disk expected
	expected=$(for disk in "${disks[@]}"; do
		echo "solodisk.$(volume_of "$disk") $(state_of "$disk") Available"
	done | sort)
	[ "$expected" = "$(field /api/v1/persistentvolumes '.items[] | "\(.metadata.name) ready \(.status.phase)"' | sort)" ]
}

key=$(new_key churn)
ok "an agent prepares and publishes eight disks" start_agent '{"pools": [
	{"name": "plain", "storageClass": "'"$CLASS"'", "disks": [{"serial": ['"$(serials_of 0)"']}],
	 "filesystem": "ext4", "prepare": "automatic", "reclaimPolicy": "Delete"},
	{"name": "vault", "storageClass": "'"$CLASS"'", "disks": [{"serial": ['"$(serials_of 4)"']}],
	 "filesystem": "ext4", "encryption": "luks2", "key": "file:churn", "prepare": "automatic", "reclaimPolicy": "Delete"}]}'
ok "they are published" eventually "$WAIT" all_clean || note "$(kubectl get pv 2>&1)"

# markers DISK: those of all tenants, read past the page cache.
markers() {
	dd if="$1" bs=1M iflag=direct status=none | LC_ALL=C grep -ao 'TENANT-[0-9]*-WAS-HERE' | sort -u
}
# foreign N: other tenants' markers, on the disk that claim N has. What an encrypted one has only its pod can see.
foreign() {
	local disk volume found
	volume=$(volume_of_claim "churn-$1")
	for disk in "${disks[@]}" ""; do
		[ "solodisk.$(volume_of "$disk")" != "$volume" ] || break
	done
	[ -n "$disk" ] || { echo "no disk" && return; }
	found=$(markers "$disk")
	[ "$found" != "TENANT-$1-WAS-HERE" ] || echo "$1" >>$seen
	grep -vx "TENANT-$1-WAS-HERE" <<<"$found"
}
# tenant N: a claim's life; a line "N VOLUME", and what was wrong.
tenant() {
	local n=$1 name=churn-$1 volume wrong=""
	claim "$name" 40Mi
	run_pod "$name" "$name" \
		"ls -A /data | grep . && exit 1; i=0; while [ \$i -lt 500 ]; do echo TENANT-$n-WAS-HERE; i=\$((i+1)); done >/data/m; sync" \
		'"restartPolicy": "Never"'
	eventually $((3 * WAIT)) pod_done "$name" || wrong+="the pod is $(phase "$name"), its claim $(claim_phase "$name"): $(said "$name" | tail -n 2); "
	volume=$(volume_of_claim "$name")
	wrong+=$(foreign "$n")
	delete_pod "$name" || wrong+="the pod stays; "
	api DELETE "$claim_path/$name" >/dev/null
	echo "$n $volume $wrong" >>$results
}
# worker FIRST: every eighth, one after the other.
worker() {
	local n
	for ((n = $1; n <= claims; n += 8)); do
		tenant "$n"
	done
}
# have_ended N: tenants.
have_ended() {
	[ "$(wc -l <$results 2>/dev/null || echo 0)" -ge "$1" ]
}

began=$SECONDS
workers=()
for first in 1 2 3 4 5 6 7 8; do
	worker $first &
	workers+=($!)
done
for part in 3 2; do
	eventually $((30 * claims)) have_ended $((claims / part))
	stop_daemon agent KILL
	ok "the agent was killed, another comes" restart_agent
done
wait "${workers[@]}"
figure "$claims claims on eight disks: $((SECONDS - began)) s"
is "every claim was bound, its pod ran and found nothing of another's" "$(awk 'NF != 2' $results)" ""
is "none was lost" "$(wc -l <$results)" "$claims"
is "no volume was given twice" "$(awk '{ print $2 }' $results | sort -u | wc -l)" "$claims"
ok "in the end every disk is clean and published once" eventually "$WAIT" all_clean ||
	note "$(kubectl get pv 2>&1)" "$(solodisk list 2>&1)" "$(tail -n 30 "$kube/log/agent.log")"
isnt "those of plain disks were seen while their tenants had them" "$(wc -l <$seen)" 0
is "now no disk has one" "$(for disk in "${disks[@]}"; do markers "$disk"; done)" ""
stop_agent
rm -f "$key"
