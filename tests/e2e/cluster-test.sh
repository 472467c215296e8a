#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Starts a cluster in the guest and runs the scenarios in it, one after the other. tests/e2e/run calls it.
# vm: --apiserver --cpus 2 --memory 4096 --disk virtio,name=cluster,size=8G
# vm: --disk nvme,name=a,size=512M --disk nvme,name=b,size=512M --disk nvme,name=c,size=1G
# vm: --disk scsi,name=d,size=512M --disk scsi,name=e,size=512M
# vm: --disk scsi,name=f,size=64M --disk scsi,name=g,size=64M --disk scsi,name=h,size=64M --disk scsi,name=i,size=64M
# vm: --disk scsi,name=j,size=64M --disk scsi,name=k,size=64M --disk scsi,name=l,size=64M --disk scsi,name=m,size=64M
# vm: --provide TOOLS=tests/e2e/fetch-helm --provide IMAGE=tests/e2e/build-image
# timeout: 3600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/e2e/cluster.sh"
. "$SRC/tests/e2e/pods.sh"

# run_scenario NAME: its file, in a shell of its own. When it fails, every component's log is kept.
run_scenario() {
	local failed_before=$failures
	note "scenario $1"
	SECONDS=0 reported=0
	# shellcheck disable=SC1090 # one of several
	. "$SRC/tests/e2e/scenario-$1.sh"
	reset_disks a b c d e f g h i j k l m
	figure "scenario $1: $SECONDS s"
	[ "$failures" -eq "$failed_before" ] || keep_logs "$1"
}

# lib.sh's, and counts what failed, and says what took long.
failures=0
reported=0
report() {
	((SECONDS - reported < 5)) || note "$((SECONDS - reported)) s:"
	reported=$SECONDS
	tests_run=$((tests_run + 1))
	echo "$tests_run" >"$tests_file"
	printf '%s %d - %s\n' "$1" "$tests_run" "$2"
	[ "$1" = ok ] && return
	failures=$((failures + 1))
	return 1
}

done=$STATE/scenarios-done
touch "$done"
deploy_driver false
if ! ok "the cluster starts (boot $BOOT)" start_cluster; then
	keep_logs start
	exit 1
fi
figure "the cluster's start: $SECONDS s (boot $BOOT)"
make_storage_class >/dev/null 2>&1
for scenario in $SCENARIOS; do
	grep -qxF "$scenario" "$done" && continue
	run_scenario "$scenario"
	echo "$scenario" >>"$done"
done
note "$(free -m)"
note "figures of this run:"
note "$(cat "$STATE/figures")"
done_testing
