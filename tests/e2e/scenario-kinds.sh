# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# Kinds of volumes and of pods: LUKS2 with the key in a Secret, a wrong key, fsGroup without root, subPath, read-only, two
# pods of a claim, deletion by force, a volume in the pod's own words, and disks that grow under their pods.
. "$SRC/tests/e2e/agent.sh"
QUIET='trap "exit 0" TERM; while :; do sleep 1; done'
USER_1000='"securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000, "fsGroupChangePolicy": "OnRootMismatch"}'

# put_secret NAME FILE METHOD [PATH]: scenario-secrets looks for what is in $STATE/keys.
put_secret() {
	mkdir -p "$STATE/keys"
	cp "$2" "$STATE/keys/"
	api "$3" "/api/v1/namespaces/default/secrets${4:-}" '{"metadata": {"name": "'"$1"'"}, "type": "solodisk/disk",
		"data": {"key": "'"$(base64 -w0 "$2")"'"}}' >/dev/null
}
for name in wrong right; do
	(umask 077 && head -c 48 /dev/urandom | base64 -w0 >"/tmp/$name")
done
put_secret disk-key /tmp/wrong POST
luks=(--encrypt luks2 --key-file /tmp/right -- --key secret:key --secret default/disk-key)
publish a --filesystem xfs "${luks[@]}" --claim default/hidden
publish d --filesystem ext4 -- --claim default/plain
publish e --filesystem ext4 "${luks[@]}" --claim default/grows
solodisk prepare "$(vm dev b)" --filesystem xfs --yes >/dev/null
for name in hidden plain grows; do
	claim "$name" 300Mi
done

run_pod one hidden "mkdir /data/sub; echo hidden >/data/sub/marker; chgrp 1000 /data/sub/marker; sync; $QUIET" "$USER_1000"
run_pod plain plain "$QUIET" '"securityContext": {"runAsUser": 1000, "fsGroup": 2000}'
inline=$(volume_of "$(vm dev b)")
run_pod inline '{"name": "data", "flexVolume": {"driver": "solodisk/disk", "options": {"volumeID": "'"$inline"'"}}}'
ok "a wrong key: the event says so" eventually "$WAIT" event_says "one FailedMount [^$]*wrong key for"
note "$(api GET /api/v1/namespaces/default/events | jq -r '.items[] | select(.reason == "FailedMount").message')"
put_secret disk-key /tmp/right PATCH /disk-key
run_pod grows grows
running plain
container=$(container_of plain)
running one
is "a pod that is not root has its volume by its fsGroup" "$(in_pod one stat -c %g:%u:%a /data)" 2000:0:2775 ||
	note "$(in_pod one ls -lan /data)"
is "it is XFS on LUKS" "$(lsblk -nro TYPE "$(vm dev a)" | tail -n 1) $(in_pod one stat -f -c %T /data)" "crypt xfs"
ok "another one too, by Always" in_pod plain sh -c 'echo plain >/data/marker'

ok "an inline volume is refused: the event says so" eventually "$WAIT" event_says 'inline FailedMount [^$]*allowInline'
printf '{"attach": false, "allowInline": true}\n' >"$DRIVER_DIR/.config.json"
run_pod two '{"name": "data", "persistentVolumeClaim": {"claimName": "hidden", "readOnly": true}}' "$QUIET" "$USER_1000" '"subPath": "sub"'
running two
is "a second pod of the claim sees a directory of it" "$(in_pod two cat /data/marker)" hidden
not_ok "which it may not write to" in_pod two sh -c 'echo >/data/new'
running inline
ok "the node's configuration allows it: it writes" in_pod inline sh -c 'echo inline >/data/marker'
running grows

# Two pods of a claim: one is deleted while kubelet is down.
ok "kubelet stops" stop_kubelet
api DELETE "$pod_path/two?gracePeriodSeconds=0" >/dev/null
start_kubelet
mounted() {
	[ "$(findmnt -rno TARGET | grep -c "/pods/.*/solodisk~disk/solodisk.$1\$")" = "$2" ]
}
hidden=$(volume_of "$(vm dev a)")
ok "the pod that was deleted meanwhile is unmounted" eventually "$WAIT" mounted "$hidden" 1
is "the other keeps its data" "$(in_pod one cat /data/sub/marker)" hidden

# They grow under their pods.
capacity() {
	field "/api/v1/persistentvolumes/$(volume_of_claim "$1")" .spec.capacity.storage
}
is_larger() {
	[ "$(capacity "$1" | tr k K | numfmt --from=auto)" -gt 700000000 ]
}
has_space() {
	[ "$(in_pod "$1" df -k /data | tail -n 1 | awk '{print $2}')" -gt 600000 ]
}
ok "an agent looks on" start_agent
vm grow d 768M
vm grow e 768M
ok "the capacity of the plain volume follows its disk" eventually "$WAIT" is_larger plain || note "$(capacity plain)"
ok "its pod has the space, without a restart" eventually "$WAIT" has_space plain
is "(it was not started again)" "$(container_of plain)" "$container"
not_ok "the encrypted one has not yet: its key is in a Secret" has_space grows
ok "deleted by force" kubectl delete pod one grows --force --grace-period=0
for name in "$hidden" "$(volume_of "$(vm dev e)")"; do
	ok "what is deleted by force is unmounted too" eventually "$WAIT" mounted "$name" 0
done
run_pod grows grows
run_pod one hidden "$QUIET" "$USER_1000"
running grows
ok "with its next pod the encrypted one has the space" eventually 60 has_space grows
ok "and its capacity follows" eventually "$WAIT" is_larger grows || note "$(capacity grows)"
running one
is "OnRootMismatch leaves the files as they are" "$(in_pod one stat -c %g /data/sub/marker)" 1000
ok "all pods are deleted" delete_pod one plain grows inline
ok "nothing is mounted or mapped any more" eventually "$WAIT" no_mounts || note "$(leftovers)"
stop_agent
printf '{"attach": false}\n' >"$DRIVER_DIR/.config.json"
api DELETE /api/v1/namespaces/default/secrets/disk-key >/dev/null
