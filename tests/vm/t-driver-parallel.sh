#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 32 calls at once for 8 volumes, mount and unmount mixed, 20 rounds of calls: no failure, no leak.
# vm: --disk nvme,size=400M --disk nvme,size=400M --disk nvme,size=400M --disk nvme,size=400M --disk scsi,size=400M --disk scsi,size=400M --disk scsi,size=400M --disk scsi,size=400M --udev --cpus 2
# timeout: 900
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
key=$(new_key tenant)
disks=(/dev/nvme{0,1,2,3}n1 /dev/sd{a,b,c,d})
declare -a opts
for n in "${!disks[@]}"; do
	if ((n % 4 == 3)); then
		id=$(prepare "${disks[n]}" --filesystem ext4 --encrypt luks2 --key file:tenant)
		opts[n]=$(luks_options "$id" "$key" pv wwid="$(wwid_of "${disks[n]}")")
	else
		id=$(prepare "${disks[n]}" --filesystem "$( ((n % 2)) && echo xfs || echo ext4)")
		opts[n]=$(options "$id" pv wwid="$(wwid_of "${disks[n]}")")
	fi
done

# One pod of four on each volume: mount, look, unmount. A pod's own calls follow each other, as kubelet's;
# those of the 32 pods do not. A file that is there or not tells what is mounted, without a process.
pod_life() {
	local n=$1 which=$2 target
	target=$(pod "$((n * 10 + which))")
	{
		"$DRIVER" mount "$target" "${opts[n]}" || echo "exit $?"
		: >"$target/$which" || echo "volume $n pod $which: not writable"
		"$DRIVER" unmount "$target" || echo "exit $?"
		[ ! -e "$target/$which" ] || echo "volume $n pod $which: still mounted"
	} >>/tmp/answers 2>&1
}

rounds=10 # of two calls a pod
: >/tmp/answers
start=$SECONDS
for ((round = 0; round < rounds; round++)); do
	pids=()
	for n in "${!disks[@]}"; do
		for which in 1 2 3 4; do
			pod_life "$n" "$which" &
			pids+=($!)
		done
	done
	wait "${pids[@]}"
done
note "$((rounds * 32)) pods in $((SECONDS - start)) s"
is "every call answered" "$(grep -c . /tmp/answers)" "$((rounds * 64))"
is "and every answer is a success" \
	"$(grep -v '^{"status":"Success"}$' /tmp/answers |
		sed -E 's/[0-9a-f]{8}-[-0-9a-f]*/ID/g; s/process [0-9]+/process N/g' |
		sort | uniq -c | sort -rn | head -n 20)" ""
no_leftovers "nothing is left at the end"
done_testing
