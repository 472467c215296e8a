# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# A real database in a StatefulSet, in the volume's root. Its pod is deleted, kubelet and containerd are killed,
# the power is cut and two disks are exchanged, all while it writes: every row that was committed is there.
STATEFULSET='{"kind": "StatefulSet", "apiVersion": "apps/v1", "metadata": {"name": "db"}, "spec": {
 "serviceName": "db", "replicas": 1, "selector": {"matchLabels": {"app": "db"}},
 "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "local-disk",
  "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "600Mi"}}}}],
 "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"automountServiceAccountToken": false,
  "terminationGracePeriodSeconds": 5, "containers": [{"name": "main", "image": "localhost/postgres:15",
   "imagePullPolicy": "Never", "securityContext": {"runAsUser": 0},
   "env": [{"name": "PATH", "value": "/usr/lib/postgresql/15/bin:/usr/bin:/bin"}, {"name": "PGDATA", "value": "/data"}],
   "command": ["/bin/sh", "-c", "chown postgres /data && chmod 700 /data && cd /data && exec setpriv --reuid postgres --regid postgres --init-groups sh -c \"[ -e PG_VERSION ] || initdb -A trust --locale C -N >/tmp/initdb; exec postgres -k /tmp -c listen_addresses= -c max_connections=10\""],
   "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}}}'

in_db() {
	in_pod db-0 psql -h /tmp -U postgres -qtA "$@"
}
sql() {
	in_db -c "$1" </dev/null 2>/dev/null
}
answers() {
	[ "$(sql 'SELECT 1')" = 1 ]
}

# Whoever writes is outside, and so is what he was told: a line "N;" for each row, which psql prints when the
# row is committed, and which is safe from the guest's end at once.
COMMITTED=$STATE/committed
n_committed() {
	grep -c ';$' "$COMMITTED"
}
has_committed() {
	[ "$(n_committed)" -ge "$1" ]
}
rows() {
	local n=$1 pause
	exec {pause}<> <(:)
	while printf "INSERT INTO t VALUES (%d) RETURNING n || ';';\n" $((n++)); do
		read -rt 0.05 -u "$pause"
	done 2>/dev/null
}
# write_on: until the database, or the way to it, is gone. Each time with numbers of its own.
write_on() {
	local generation
	generation=$(($(cat "$STATE/generation" 2>/dev/null || echo 0) + 1))
	echo "$generation" >"$STATE/generation"
	echo >>"$COMMITTED" # after half of a line
	rows $((generation * 1000000)) | in_db >>"$COMMITTED" 2>/dev/null &
	writer=$!
	ok "it writes" eventually "$WAIT" has_committed $(($(n_committed) + 20))
}
# nothing_lost WHAT
nothing_lost() {
	ok "$1: the database answers" eventually $((2 * WAIT)) answers || note "$(kubectl describe pod db-0 | tail -n 25)"
	kill "$writer" 2>/dev/null
	wait "$writer" 2>/dev/null
	sql "SELECT n || ';' FROM t" | sort >/tmp/rows
	is "$1: of $(n_committed) committed rows none is lost" \
		"$(grep ';$' "$COMMITTED" | sort | comm -23 - /tmp/rows | head -n 5)" ""
	is "$1: the same volume" "$(volume_of_claim data-db-0)" "$(cat "$STATE/volume")"
}

if [ ! -e "$STATE/power-cut" ]; then
	ctr -n k8s.io images import "$IMAGES/postgres.tar" >/dev/null # unpacked: kubelet waits two minutes for that
	publish c --filesystem xfs
	publish b --filesystem xfs
	api POST /apis/apps/v1/namespaces/default/statefulsets "$STATEFULSET" >/dev/null
	ok "the database comes up" eventually $((3 * WAIT)) answers || note "$(kubectl describe pod db-0 | tail -n 25)"
	note "after $SECONDS s"
	volume_of_claim data-db-0 >"$STATE/volume"
	: >"$COMMITTED"
	ok "a table" sql 'CREATE TABLE t (n integer PRIMARY KEY)'
	sync -f "$(findmnt -nro TARGET -S "$(vm dev c)p1" | head -n 1)" # initdb -N did not

	write_on
	uid=$(field "$pod_path/db-0" .metadata.uid)
	another_pod() {
		[ "$(field "$pod_path/db-0" .metadata.uid)" != "$uid" ] && pod_runs db-0
	}
	api DELETE "$pod_path/db-0" >/dev/null
	ok "the pod was deleted: another comes" eventually "$WAIT" another_pod
	nothing_lost "the pod was deleted"

	container=$(container_of db-0)
	write_on
	stop_daemon kubelet KILL
	start_kubelet
	ok "kubelet was killed: the node is ready" eventually "$WAIT" node_is_ready
	nothing_lost "kubelet was killed"

	write_on
	stop_daemon containerd KILL
	start_containerd
	nothing_lost "containerd was killed"
	is "neither stopped the database" "$(container_of db-0)" "$container"

	write_on
	sync -f "$kube" # etcd's: this is about the database's disk
	cp /run/syslog "$STATE/postgres.syslog"
	touch "$STATE/power-cut"
	vm swap b c
	note "power cut after $SECONDS s"
	vm power-cut
	sleep 60
fi
writer=
nothing_lost "the power was cut, and its disk is in another slot"
write_on
kill "$writer"
