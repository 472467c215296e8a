# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # apiserver.sh sets $kube and $APISERVER
# What the agent costs: times by a watch of our own, memory by /proc, requests by /metrics.

now() {
	echo "$EPOCHREALTIME"
}
# since BEGIN END: seconds.
since() {
	awk -v begin="$1" -v end="$2" 'BEGIN { printf "%.2f", end - begin }'
}

# watch_pvs: notes when each PersistentVolume appears, in /run/appeared.
watch_pvs() {
	: >/run/appeared
	curl -sSN --cacert "$kube/ca.crt" -H "Authorization: Bearer admin-token" \
		"$APISERVER/api/v1/persistentvolumes?watch=1" | while IFS= read -r line; do
		[[ $line != '{"type":"ADDED"'* ]] || echo "$EPOCHREALTIME"
	done >>/run/appeared &
}
appeared() {
	wc -l </run/appeared
}
have_appeared() {
	[ "$(appeared)" -ge "$1" ]
}
# await N [SECONDS]: until there were N of them.
await() {
	eventually "${2:-300}" have_appeared "$1"
}
time_of() {
	sed -n "$1p" /run/appeared
}

status_mib() {
	awk -v key="$2:" '$1 == key { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}
pss_mib() {
	awk '$1 == "Pss:" { printf "%.1f", $2 / 1024 }' "/proc/$1/smaps_rollup"
}
# Its own and its dead children's.
cpu_ticks() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 + $14 + $15 }' "/proc/$1/stat"
}
# requests_of PORT...: API requests but watches, of all of them.
requests_of() {
	printf 'url = "http://127.0.0.1:%d/metrics"\n' "$@" | curl -s -K - |
		awk '/^solodisk_api_requests_total/ && !/verb="watch"/ { n += $NF } END { print n + 0 }'
}

compare_heading() {
	printf '%-36s %10s %8s   %20s %7s\n' "" "" goal "static provisioner" ratio
}
# compare WHAT VALUE UNIT [GOAL THEIRS]
compare() {
	awk -v what="$1" -v value="$2" -v unit="$3" -v goal="${4-}" -v theirs="${5-}" 'BEGIN {
		printf "%-36s %6.2f %-3s", what, value, unit
		if (goal != "")
			printf " %8s   %16s %-3s %7.2f  %s", goal, theirs, unit, value / theirs,
				value <= goal ? "ok" : "over"
		print "" }'
}
