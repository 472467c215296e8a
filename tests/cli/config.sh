#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The node's configuration: the program and deploy/config.schema.json agree on what is right, and the
# plan of a recorded tree follows it.
. "$(dirname "$0")/lib.sh"

SOLODISK=$BUILD/solodisk
requires "$SOLODISK"
ROOT=$TMP/root
SCHEMA=$SRC/deploy/config.schema.json
BOOT_ID=7c7d8c2e-3b5a-4a55-9d0e-0d5f2d6c8b11

# add_disk NAME MINOR MIB WWID SERIAL: an empty disk of the recorded tree.
add_disk() {
	local sys=$ROOT/sys/block/$1
	mkdir -p "$sys/queue" "$sys/device" "$sys/holders" "$ROOT/dev"
	echo "259:$2" >"$sys/dev"
	echo $(($3 * 2048)) >"$sys/size"
	echo "$4" >"$sys/wwid"
	for attribute in removable ro hidden queue/rotational; do
		echo 0 >"$sys/$attribute"
	done
	echo 512 >"$sys/queue/logical_block_size"
	echo none >"$sys/queue/zoned"
	echo "Test Disk" >"$sys/device/model"
	echo "$5" >"$sys/device/serial"
	echo "$((20 + $2))" >"$sys/diskseq"
	echo "1 0 8 0 2 0 $((100 + $2)) 0 0 0 0 1 0 1000 0 0 0" >"$sys/stat"
	ln -s "../../block/$1" "$ROOT/sys/class/block/$1"
	truncate -s "$3M" "$ROOT/dev/$1"
}

tool() {
	"$SOLODISK" --sysroot "$ROOT" "$@"
}

# output COMMAND...: sets $out (stdout), $err (stderr) and $status.
output() {
	out=$("$@" 2>"$TMP/err")
	status=$?
	err=$(<"$TMP/err")
}

mkdir -p "$ROOT"/{sys/block,sys/class/block,sys/dev/block,proc/self/ns,proc/sys/kernel/random,run,etc/solodisk}
: >"$ROOT/proc/swaps"
ln -s "pid:[4026531836]" "$ROOT/proc/self/ns/pid"
ln -s "mnt:[4026531841]" "$ROOT/proc/self/ns/mnt"
echo "1 0 0:1 / / rw - tmpfs tmpfs rw" >"$ROOT/proc/self/mountinfo"
echo $BOOT_ID >"$ROOT/proc/sys/kernel/random/boot_id"
echo 3d1219c7c4c5404aaa1f6d2a48adfda4 >"$ROOT/etc/machine-id"

for command in plan apply; do
	output "$SOLODISK" $command --help
	is "$command --help" "$status:$err" "0:"
	like "it shows the usage" "$out" "^Usage: solodisk $command .*--json"
	output "$SOLODISK" $command --colour
	is "$command: unknown option" "$status:$err" \
		"2:solodisk: --colour is no option here (see \"solodisk $command --help\")"
done

# What is right

# valid FILE...: prints what the schema says of each, in one start of Python.
valid() {
	python3 - "$SCHEMA" "$@" <<-'END'
		import json, sys, warnings
		warnings.simplefilter("ignore")
		import jsonschema
		schema = json.load(open(sys.argv[1]))
		jsonschema.Draft202012Validator.check_schema(schema)
		validator = jsonschema.Draft202012Validator(schema)
		for path in sys.argv[2:]:
		    ok = validator.is_valid(json.load(open(path)))
		    print(path.split("/", path.count("/") - 1)[-1], "right" if ok else "wrong")
	END
}

cp -r "$SRC/tests/config" "$TMP/config" # made by others, perhaps, who may write to them
chmod -R go-w "$TMP/config"
cd "$TMP/config" || exit 1
for file in good/*.json; do
	printf '%s right\n' "$file"
done >"$TMP/expected"
for file in bad/*.json; do
	printf '%s wrong\n' "$file"
done >>"$TMP/expected"
for file in beyond-schema/*.json; do
	printf '%s right\n' "$file"
done >>"$TMP/expected"
is "the schema takes what is right and refuses the rest" "$(valid good/* bad/* beyond-schema/* | sort)" \
	"$(sort "$TMP/expected")"
for file in good/*.json; do
	output tool plan --config "$file"
	is "the program takes $file" "$status:$err" "0:"
done
for file in bad/*.json beyond-schema/*.json; do
	output tool plan --config "$file"
	is "the program refuses $file" "$status:$out" "3:"
	like "and names file and line" "$err" "^solodisk: $file: line 1: [^ ]"
done

# keys NAME: what the program knows there, by its own words.
keys() {
	sed -E 's/.*\(known: (.*)\)$/\1/; s/, /\n/g' <<<"$1" | sort
}
properties() {
	jq -r "$1 | .properties | keys[]" "$SCHEMA" | sort
}
output tool plan --config bad/unknown-key.json
is "both know the same keys" "$(keys "$err")" "$(properties .)"
output tool plan --config bad/unknown-pool-key.json
is "of a pool" "$(keys "$err")" "$(properties '."$defs".pool')"
output tool plan --config bad/unknown-rule-key.json
is "of a rule" "$(keys "$err")" "$(properties '."$defs".rule')"
output tool plan --config bad/unknown-directory-key.json
is "of a directory" "$(keys "$err")" "$(properties '."$defs".directory')"
is "every key of a pool is in a right file" \
	"$(jq -r '.pools[]? | keys[]' good/*.json | sort -u)" "$(properties '."$defs".pool')"

is "every key of a directory" \
	"$(jq -r '.directories[]? | keys[]' good/*.json | sort -u)" "$(properties '."$defs".directory')"

# The plan of a recorded tree

add_disk nvme0n1 0 64 eui.01 FAST0
add_disk nvme1n1 1 64 eui.02 FAST1
add_disk nvme2n1 2 128 eui.03 FAST2
add_disk nvme3n1 3 64 eui.04 OTHER
mkfs.ext4 -q "$ROOT/dev/nvme1n1"
cat >"$ROOT/etc/solodisk/config.json" <<'END'
{"pools": [{"name": "fast", "storageClass": "c", "filesystem": "ext4", "encryption": "luks2",
  "key": "secret:k", "secretRef": {"name": "n", "namespace": "s"},
  "disks": [{"serial": ["FAST?"], "maxSize": "64Mi"}]},
 {"name": "rest", "storageClass": "d", "filesystem": "ext4", "disks": [{"serial": ["OTHER"]}],
  "prepare": "automatic"}]}
END
chmod 644 "$ROOT/etc/solodisk/config.json"
output tool plan --json
is "plan by the node's own configuration" "$status:$err" "0:"
is "what is done" "$(jq -r '.disks[] | .action + " " + .pool + " " + .disk.wwid' <<<"$out")" \
	$'prepare fast eui.01\nprepare rest eui.04'
is "how" "$(jq -c '.disks[0].recipe' <<<"$out")" \
	'{"filesystem":"ext4","encryption":"luks2","kdf":"pbkdf2","key":"secret:k"}'
is "which disk it was" "$(jq -c '.disks[0].disk' <<<"$out")" \
	'{"name":"nvme0n1","wwid":"eui.01","serial":"FAST0","model":"Test Disk","size":67108864,"sectorSize":512}'
is "and how it was: writes and discards count" "$(jq -c '.disks[1].fingerprint' <<<"$out")" \
	"{\"state\":\"blank\",\"bootID\":\"$BOOT_ID\",\"diskseq\":23,\"sectorsWritten\":1103}"
is "on which node" "$(jq -r .node.machineID <<<"$out")" 3d1219c7c4c5404aaa1f6d2a48adfda4
is "what is left, and why" "$(jq -r '.left[] | .name + ": " + .reason' <<<"$out")" \
	"nvme1n1: nvme1n1 is not blank: it holds an ext4 filesystem
nvme2n1: no pool matches it (not \"fast\": it is larger than 64M)"
output tool plan --pool rest
like "one pool alone" "$out" "nvme0n1 .*blank +fast +it belongs to pool \"fast\""
like "of that one it is" "$out" "nvme3n1 .*prepare ext4 +rest +blank, may be prepared"
output tool plan --automatic
like "without a person: not of a pool that wants one" "$out" "nvme0n1 .*blank +fast +its pool \"fast\" is prepared by a person"
is "of the others" "$(tool plan --automatic --json | jq -r '.disks[] | .pool + " " + .disk.wwid')" "rest eui.04"
sed -n '/content: |/,/^runcmd/s/^      //p' "$SRC/bootstrap/examples/cloud-init.yaml" >"$TMP/cloud-init.json"
ok "the configuration in the example for cloud-init is valid" tool plan --automatic --config "$TMP/cloud-init.json"
ok "and is one" jq -e '.pools[0].prepare == "automatic"' "$TMP/cloud-init.json"
ok "and its script is one" bash -n <(sed -n '/^  - |/,$s/^    //p' "$SRC/bootstrap/examples/cloud-init.yaml")
output tool plan eui.01
like "a disk that is not named" "$out" "nvme3n1 .*it may be prepared, but is not named"
exits "no such pool" 3 tool plan --pool slow
exits "no such disk" 4 tool plan nvme9n1
exits "no such file" 3 tool plan --config "$TMP/none"
chmod 666 "$ROOT/etc/solodisk/config.json"
output tool plan
is "a file that others may write to" "$status:$out" "3:"
like "is not believed" "$err" "others than root may write to"
rm "$ROOT/etc/solodisk/config.json"
exits "no configuration, no filesystem" 2 tool plan nvme0n1
output tool plan --json --filesystem ext4 --encrypt luks2 --key file:one nvme0n1 nvme3n1
is "without pools: the disks that are named" "$(jq -c '.disks[] | [.disk.name, .recipe.key]' <<<"$out")" \
	'["nvme0n1","file:one"]
["nvme3n1","file:one"]'
output tool plan --filesystem xfs nvme0n1
is "one that is too small is refused" "$status" 3
like "and why" "$err" "solodisk: nvme0n1: the disk has 64 MiB, xfs needs"
exits "without a disk" 2 tool plan --filesystem xfs
exits "a key in the plan" 2 tool plan --filesystem ext4 --encrypt luks2 --key-file - nvme0n1
exits "automatic pools and a filesystem" 2 tool plan --filesystem xfs --automatic nvme0n1
exits "pools and a filesystem" 2 tool plan --filesystem xfs --pool fast nvme0n1
exits "a key of no known form" 2 tool plan --filesystem ext4 --encrypt luks2 --key token nvme0n1
exits "a recorded tree is only for looking" 2 tool apply "$TMP/plan"
exits "apply without a plan" 2 "$SOLODISK" apply
exits "apply of no file" 3 "$SOLODISK" apply "$TMP/none"
done_testing
