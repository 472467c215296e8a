#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent with a faulty API server: a proxy delays, cuts, refuses and loses answers while volumes come and
# go; the server goes away and comes back; a token ends. At the end everything is as if nothing had been.
# vm: --apiserver --disk nvme,size=128M --disk nvme,size=128M --disk nvme,size=128M --disk nvme,size=128M,plugged=off
# OUTAGE=3600: away for so many seconds.
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"

PVS=/api/v1/persistentvolumes
kube=${kube:?}
proxy=/run/proxy
outage=${OUTAGE:-60} # seconds
mkdir -p $proxy

# start_world: API server, Node, and an agent's rights as deploy/ gives them; nothing but these.
start_world() {
	start_apiserver && make_node node-a host-a &&
		make_token solodisk solodisk >/run/agent.token &&
		kubectl apply -f "$SRC/deploy/base/rbac.yaml" >/dev/null
}
# pvs: the names of all PersistentVolumes, sorted, in a line.
pvs() {
	api GET $PVS | grep -oE '"name": ?"solodisk[^"]*"' | sed 's/.*"\(.*\)"/\1/' | sort | tr '\n' ' '
}
agent_log() {
	note "the agent:" "$(cat /run/agent.log; grep -a solodisk /run/syslog | tail -n 40)"
}
stop_agent() {
	kill -TERM "$agent" && wait "$agent"
}

# faults JSON: from the next request on.
faults() {
	printf '%s' "$1" >$proxy/faults.new && mv $proxy/faults.new $proxy/faults
}
# count NAME: how often it happened.
count() {
	awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }' $proxy/counts
}
has_happened() {
	local fault
	for fault; do
		[ "$(count "$fault")" -gt 0 ] || return 1
	done
}
all_published() {
	[ "$(pvs)" = "$expected" ]
}
requests() {
	echo $(($(count requests) + $(count lists)))
}
resident() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$agent/status"
}
# anonymous: KiB of its own memory. What it has of files, the libraries, comes and goes with what it last did.
anonymous() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$agent/status"
}
# is_at_most KIB: it may be in the midst of a try, which takes a megabyte or two.
is_at_most() {
	[ "$(anonymous)" -le "$1" ]
}
# metric PATTERN: the lines of /metrics that match.
metric() {
	curl -s http://127.0.0.1:9095/metrics | grep -E "$1"
}
# Without a word from the agent's side a deleted object is not there any more, once nothing protects it.
delete_pv() {
	api DELETE "$PVS/solodisk.$1" >/dev/null
	api PATCH "$PVS/solodisk.$1" '{"metadata": {"finalizers": null}}' >/dev/null 2>&1
}

mkdir -p /etc/solodisk
echo '{"pools": [{"name": "fast", "storageClass": "local-fast", "filesystem": "ext4",
	"disks": [{"transport": ["nvme"]}]}]}' >/etc/solodisk/config.json
ids=()
for disk in nvme0n1 nvme1n1 nvme2n1; do
	ids+=("$(prepare /dev/$disk --filesystem ext4)")
done
expected=$(printf 'solodisk.%s\n' "${ids[@]}" | sort | tr '\n' ' ')
ok "API server, Nodes, rights" start_world
python3 "$SRC/tests/e2e/api-proxy" 7443 $kube/apiserver.crt $kube/apiserver.key "${APISERVER#https://}" $kube/ca.crt $proxy \
	>/run/proxy.log 2>&1 &
cat >/run/agent.kubeconfig <<END
clusters: [{name: c, cluster: {server: "https://127.0.0.1:7443", certificate-authority: $kube/ca.crt}}]
users: [{name: u, user: {tokenFile: agent.token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END

# Faults of every kind, from the first request on. The numbers let about half of the requests through.

faults '{"409": 0.1, "410": 0.1, "429": 0.1, "500": 0.1, "503": 0.05, "retry-after": 1, "lost": 0.1, "cut": 0.1,
	"half-line": 0.2, "delay": 0.2, "seconds": 1}'
solodisk agent --node-name node-a --kubeconfig /run/agent.kubeconfig >/run/agent.log 2>&1 &
agent=$!
ok "volumes are published through faults" eventually 300 all_published || agent_log
rounds=0
kill -0 $agent || exit
until has_happened 409 410 429 500 503 lost cut half-line delay || [ $rounds -ge 40 ]; do
	delete_pv "${ids[$((rounds % 3))]}"
	eventually 120 all_published || break
	rounds=$((rounds + 1))
done
ok "and again, after $rounds of them were deleted" eventually 120 all_published || agent_log
ok "faults of every kind have happened" has_happened 409 410 429 500 503 lost cut half-line delay
note "$(tr '\n' ' ' <$proxy/counts)"
faults '{}'
ok "the agent is the same" kill -0 "$agent"
ok "and well" solodisk agent --probe
like "it has counted" "$(metric api_requests)" 'verb="create",code="201"} [1-9]'
like "the refusals too" "$(metric api_requests)" 'code="429"} [1-9]'
like "and the disks" "$(metric '^solodisk_disks')" 'solodisk_disks\{state="ready",pool="fast"\} 3'
status=$(solodisk status --node-name node-a --kubeconfig /run/agent.kubeconfig)
for i in 0 1 2; do
	like "status shows disk $i and its volume" "$status" "nvme${i}n1 +128M ready +ext4 +fast +solodisk.${ids[i]} "
done

# Idle: one watch, and nothing else.

delete_pv "${ids[0]}"
ok "without faults it is published again" eventually 60 all_published
sleep 5
before=$(requests) watches=$(count watches)
sleep 30
is "half a minute in which nothing happens costs no request" "$(requests)" "$before"
is "the watch goes on" "$(count watches)" "$watches"
resident=$(resident) anonymous=$(anonymous)
note "resident: $resident KiB; $(grep -E 'VmHWM|RssAnon' "/proc/$agent/status" | tr -s '\t\n' ' ')"
ok "at most 8 MiB are resident" [ "$resident" -le 8192 ]

# The server is away. What happens meanwhile is made up for.

away=$(count away)
faults '{"away": true}'
kill_apiserver
ok "the agent notices" eventually 60 has_happened away
vm plug nvme3
ids+=("$(prepare /dev/nvme3n1 --filesystem ext4)")
expected=$(printf 'solodisk.%s\n' "${ids[@]}" | sort | tr '\n' ' ')
sleep "$outage"
tries=$(($(count away) - away))
note "$tries tries in $outage s of the outage; resident: $(resident) KiB, of its own $(anonymous), before $anonymous"
ok "it does not storm the server" [ $tries -le $((50 + outage / 6)) ]
ok "it is well without it" solodisk agent --probe
ok "and does not grow" eventually 30 is_at_most $((anonymous + 512))
exits "status says what it cannot tell" 1 solodisk status --node-name node-a --kubeconfig /run/agent.kubeconfig
ok "the server comes back" start_apiserver
faults '{}'
ok "a disk that was prepared meanwhile is published" eventually 120 all_published || agent_log
like "and all is told again" "$(grep -a solodisk /run/syslog)" "the API server answers again"

# The token ends, before its time and without a new one at first.

api DELETE /api/v1/namespaces/solodisk/serviceaccounts/solodisk >/dev/null
delete_pv "${ids[1]}"
make_token solodisk solodisk >/run/agent.token.new
mv /run/agent.token.new /run/agent.token
ok "with a new token it goes on" eventually 120 all_published || agent_log

is "each disk has one PersistentVolume, and no other is there" "$(pvs)" "$expected"
for i in 0 1 2 3; do
	is "disk $i is what it was" "$(volume_of /dev/nvme${i}n1) $(state_of /dev/nvme${i}n1)" "${ids[i]} ready"
done
ok "the agent ends when it is told to" stop_agent
unlike "and has written no token anywhere" "$(cat /run/agent.log /run/syslog)" "$(cut -d. -f3 /run/agent.token)"
done_testing
