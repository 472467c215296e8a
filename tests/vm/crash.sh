# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Records of a disk's writes, and trials of what a power cut leaves of them. Source it after driver.sh.
# The disk "rec" has log=rec.log; "try" is as large, and gets the images.

# requests: how many the record has by now; the number of the next one.
requests() {
	sync
	if [ "$(vm log rec)" = 0 ]; then
		echo 0 # not a write yet
		return
	fi
	python3 -c 'import struct, sys
print(struct.unpack("<QQQ", open(sys.argv[1], "rb").read(24))[2])' "$STATE/rec.log"
}

# recorded: the disk rec is taken away, so that no volume is there twice.
recorded() {
	vm unplug rec
}

# crash_trial NAME SCENARIO FIRST LAST OPTION...: tries the images; what was tried is noted.
crash_trial() {
	local name=$1 scenario=$2 first=$3 last=$4 out status disk
	shift 4
	disk=$(vm dev try)
	out=$(python3 "$SRC/tests/vm/crash/trial.py" "$scenario" --log "$STATE/rec.log" \
		--first "$first" --last "$last" --disk "${disk#/dev/}" "$@" 2>&1)
	status=$?
	is "$name" "$status" 0
	note "$out"
}
