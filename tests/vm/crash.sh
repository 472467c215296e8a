# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Records of a disk's writes, and trials of what a power cut leaves of them. Source it after driver.sh.
#
# The test has a disk "rec" with log=rec.log, and a disk "try" of the same size and sectors (no log).
# It does on rec what shall be tried, and notes the number of the next write around each command:
#
#	first=$(requests)
#	ok "erase" solodisk erase --yes nvme0n1
#	last=$(requests)
#	recorded
#	crash_trial "erase is finished by another one" erase "$first" "$last" --marker "$marker" --damaged
#
# crash_trial puts on try what a power cut leaves after each single write, looks at the bytes, and gives
# the command again. With --damaged some images with torn and reordered writes follow. SCENARIO is what
# is given again; crash/scenarios.py has what must come of it:
#
#	prepare, force		--words "OPTION..." of solodisk prepare
#	erase			--words, and in --more what is added when it refuses
#	release			--words
#	use			the driver's mount and unmount; --driver, --target DIRECTORY, --words JSON
#	command			any: --words "COMMAND OPTION..." as they are, --before STATES, --after STATES with
#				commas, --then "shell command", with $DISK and $PARTITION
#	rotate			--words "OLD NEW", key files of the node
#	reencrypt		--more KEY, a key file of the node; --driver, --target and --words as for use
#
#	--marker FILE		its bytes were a tenant's: they are only on a disk that is used or erasing,
#				and nowhere after erase has finished
#	--key-gone		the LUKS key of the volume that is there at FIRST: the same
#	--old-key FILE		and cryptsetup opens it as long as it is whole, never after
#	--partition BYTES	use: its size afterwards	--keeps FILE	use: what the tenant has there
#	--sample N		of the writes between two of tables or LUKS2 headers only N; of headers that are
#				not whole only the boundaries	--often N	reencrypt: finish one image of N
#	--tables N, --inside N	how many damaged images are tried: those that differ within --head MIB (1) of the
#				disk's begin or at its end, and others
#
# CRASH=all tries all damaged images at the tables, and makes and tries many more elsewhere; CRASH_SEED=N
# repeats the choice that a test has printed:
#
#	tests/vm/run-tests --guest=--env=CRASH=all --guest=--timeout=36000 tests/vm/t-crash-*.sh

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

# crash_trial NAME SCENARIO FIRST LAST OPTION...: tries the images; what was tried is noted. The disk is
# $crash_disk, or try.
crash_trial() {
	local name=$1 scenario=$2 first=$3 last=$4 out status disk
	shift 4
	disk=$(vm dev "${crash_disk:-try}")
	out=$(python3 "$SRC/tests/vm/crash/trial.py" "$scenario" --log "$STATE/rec.log" \
		--first "$first" --last "$last" --disk "${disk#/dev/}" "$@" 2>&1)
	status=$?
	is "$name" "$status" 0
	note "$out"
}
