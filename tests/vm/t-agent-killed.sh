#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent is killed at random moments while claims come and go: at the end every disk has exactly one
# PersistentVolume, and no tenant has found what another left. KILLS=100 for longer, SEED=N for the same
# moments again. And the API server goes away and comes back.
# vm: --apiserver --disk scsi,size=80M --disk scsi,size=80M --disk scsi,size=80M --disk scsi,size=80M
# timeout: 1500
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/e2e/guest-apiserver.sh"
. "$SRC/tests/vm/agent.sh"

kills=${KILLS:-20}
seed=${SEED:-$RANDOM}
RANDOM=$seed
note "seed $seed, $kills kills"
disks=(/dev/sda /dev/sdb /dev/sdc)

install_driver false
configure '{"pools": [{"name": "p", "storageClass": "c", "disks": [{"transport": ["scsi"], "serial": ["SOLO0001", "SOLO0002",
	"SOLO0003"]}, {"serial": ["SOLO0004"]}], "filesystem": "ext4", "reclaimPolicy": "Delete"}]}'
# What is deleted is gone at once: no controller runs that would drop a finalizer.
ok "API server, Nodes, rights" start_world --disable-admission-plugins=StorageObjectInUseProtection
for disk in "${disks[@]}"; do
	prepare "$disk" --filesystem ext4 >/dev/null
done
start_agent
for disk in "${disks[@]}"; do
	ok "$disk is published" eventually 120 a_pv_of "$disk" || agent_log
done

# killer: every now and then the agent dies, alone or with its children, and is started again.
killer() {
	local i
	for ((i = 1; i <= kills; i++)); do
		sleep "$((1 + RANDOM % 6)).$((RANDOM % 10))"
		if [ $((RANDOM % 2)) = 0 ]; then
			kill_agent
		else
			kill -KILL "$agent" && wait "$agent" 2>/dev/null
		fi
		start_agent
		echo "$i" >/run/kills
	done
	echo "$agent" >/run/last-agent
}

tenants=0 foreign=0 failed=0
# tenant DISK: one claim's life, if the disk has a PersistentVolume to be bound.
tenant() {
	local disk=$1 id target
	id=$(volume_of "$disk")
	[ "$(state_of "$disk")" = ready ] && has_pv "$id" || return
	bind "$id" "claim-$tenants" || return
	tenants=$((tenants + 1))
	if LC_ALL=C grep -qa 'TENANT-[0-9]*-WAS-HERE' "$disk"; then
		foreign=$((foreign + 1))
		note "tenant $tenants found $(LC_ALL=C grep -aom1 'TENANT-[0-9]*-WAS-HERE' "$disk") on $disk"
	fi
	target=$(pod $tenants)
	call mount "$target" "$(options "$id" pv)"
	if [ "$result" != Success ]; then
		failed=$((failed + 1))
		note "tenant $tenants on $disk: $answer"
		release "$id"
		return
	fi
	[ -z "$(ls "$target")" ] || foreign=$((foreign + 1))
	printf 'TENANT-%d-WAS-HERE' "$tenants" >"$target/marker"
	sync "$target/marker"
	call unmount "$target"
	[ "$result" = Success ] || failed=$((failed + 1))
	release "$id"
}

rm -f /run/last-agent
killer &
killer=$!
# The last kills may come before enough disks went round, on a machine that is slow.
until [ -e /run/last-agent ] && { [ $tenants -ge 6 ] || [ $SECONDS -gt 900 ]; }; do
	for disk in "${disks[@]}"; do
		tenant "$disk"
	done
	sleep 0.2
done
wait $killer
agent=$(cat /run/last-agent)
note "$tenants tenants, $(cat /run/kills) kills"
ok "there were more tenants than disks" [ $tenants -gt 3 ]
is "each could mount and unmount" $failed 0
is "no tenant found what another left" $foreign 0
for disk in "${disks[@]}"; do
	ok "$disk is ready and published at the end" eventually 180 a_pv_of "$disk" || agent_log
done
expected() {
	for disk in "${disks[@]}"; do
		echo "solodisk.$(volume_of "$disk")"
	done | sort | tr '\n' ' '
}
as_expected() {
	[ "$(pvs)" = "$(expected)" ]
}
ok "there is exactly one PersistentVolume a disk" eventually 60 as_expected || note "$(pvs)"
is "no mark is left of the last one either" \
	"$(LC_ALL=C grep -la 'TENANT-[0-9]*-WAS-HERE' "${disks[@]}" | wc -l)" 0

# The API server goes away

versions() {
	api GET "$PVS" | jq -c '[.items[].metadata | {name, resourceVersion}] | sort'
}
before=$(versions)
stop_apiserver
fourth=$(prepare /dev/sdd --filesystem ext4)
away() {
	grep -qa 'the API server cannot be watched' /run/syslog
}
ok "it is noticed" eventually 60 away
# shellcheck disable=SC2034 # stop_agent reads it
solodisk agent --probe
is "which is no reason to be killed" $? 0
ok "it comes back" start_apiserver
ok "what came meanwhile is published" eventually 120 has_pv "$fourth" || agent_log
is "and nothing else was touched" \
	"$(versions | jq -c "map(select(.name != \"solodisk.$fourth\"))")" "$before"
kill -TERM "$agent"
gone() {
	! kill -0 "$agent" 2>/dev/null
}
ok "the agent stops" eventually 30 gone
done_testing
