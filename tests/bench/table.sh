# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # rss is for who sources it
# The table of what was measured, and the machine that it was measured on.

note() {
	printf '%s\n' "$*" >&2
}

fail() {
	note "bench: $*"
	exit 1
}

rounds() {
	if [ -n "${QUICK:-}" ]; then echo $(($1 / 5 + 1)); else echo "$1"; fi
}

heading() {
	printf 'medians of elapsed and of processor time; ratio: median of the rounds, with quartiles\n\n'
	printf '%-24s %9s %8s   %-32s %9s %8s  %7s %-13s %4s  %5s\n' "" "ms" "CPU ms" \
		"compared with" "ms" "CPU ms" "ratio" "quartiles" "n" "goal"
}

# row WHAT THEIRS GOAL ROUNDS ARGUMENT-OF-MEASURE...: measures, and prints a line of the table. Sets
# $rss, the peak memory of our side's largest process in KiB.
row() {
	local what=$1 theirs=$2 goal=$3 n line
	n=$(rounds "$4")
	shift 4
	line=$(measure "$n" "$@") || fail "$what: could not be measured"
	rss=$(cut -f3 <<<"$line")
	awk -F'\t' -v what="$what" -v theirs="$theirs" -v goal="$goal" -v n="$n" '{
		printf "%-24s %9.1f %8.1f   %-32s %9.1f %8.1f  %7.3f (%.3f-%.3f) %4d  %5.2f  %s\n",
			what, $1 / 1000, $2 / 1000, theirs, $4 / 1000, $5 / 1000, $7, $8, $9, n,
			goal, $7 <= goal ? "ok" : "over" }' <<<"$line"
}

# machine: what it is that measures.
machine() {
	local accelerator
	accelerator=TCG
	! grep -q hypervisor /proc/cpuinfo || ! dmesg | grep -q 'Hypervisor detected: KVM' || accelerator=KVM
	printf 'accelerator: %s, %s CPUs, Linux %s, %s\n' "$accelerator" "$(nproc)" "$(uname -r)" \
		"$([ -e /run/udev/control ] && echo 'with udevd' || echo 'without udevd')"
}
