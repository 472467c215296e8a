# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A tenant who leaves a marker on a volume, for tests of what is left of it. Source it after driver.sh.

marker=$STATE/marker
[ -e "$marker" ] || head -c 100 /dev/urandom >"$marker"

state() {
	solodisk list --json "$1" | jq -r ".disks[0].state"
}
id_of() {
	solodisk list --json "$1" | jq -r ".disks[0].volume.id"
}

# found FILE DEVICE: how often the file's bytes are on the device, read past the page cache.
found() {
	python3 - "$1" "$2" <<-'END'
		import mmap, os, sys
		wanted = open(sys.argv[1], "rb").read()
		disk = os.open(sys.argv[2], os.O_RDONLY | os.O_DIRECT)
		size, step = os.lseek(disk, 0, os.SEEK_END), 4 << 20
		buffer, tail, count = mmap.mmap(-1, step), b"", 0
		for at in range(0, size, step):
		    os.lseek(disk, at, os.SEEK_SET)
		    data = tail + buffer[:os.readv(disk, [buffer])]
		    count += data.count(wanted)
		    tail = data[-(len(wanted) - 1):]
		print(count)
	END
}

# tenant DISK N OPTIONS: a pod writes the marker to its volume, and goes.
tenant() {
	local target
	target=$(pod "$2")
	succeeds "tenant $2 mounts" mount "$target" "$3"
	cp "$marker" "$target/marker"
	succeeds "tenant $2 goes" unmount "$target"
	is "volume is used" "$(state "$1")" used
}

# refused NAME DISK REGEX ARGUMENT...: exit 3, an error that says why, not a byte changed.
refused() {
	local name=$1 disk=$2 regex=$3 before out
	shift 3
	before=$(digests "$disk")
	out=$("$@" 2>&1 </dev/null)
	is "refused: $name" $? 3
	like "it says why: $name" "$out" "$regex"
	is "no byte changed: $name" "$(digests "$disk")" "$before"
}
