#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Plan, then apply: the plan says what list says, apply does exactly that, finds disks by WWID whatever
# they are called, and refuses all of it when one disk has changed, without changing a byte.
# vm: --disk nvme,name=a,size=64M,serial=FASTA --disk nvme,name=b,size=64M,serial=SAFEB
# vm: --disk scsi,name=c,size=64M,serial=FASTC --disk scsi,name=big,size=128M,serial=FASTBIG
# vm: --disk scsi,name=twice,size=64M,serial=FASTTWICE --disk scsi,name=foreign,size=64M,serial=FASTF
# vm: --disk scsi,name=made,size=64M,serial=FASTDONE
# vm: --disk scsi,name=path1,size=64M,wwn=0x5000c50000000777,serial=T --disk scsi,name=path2,size=64M,wwn=0x5000c50000000777,serial=T
# vm: --disk virtio,name=other,size=64M,serial=OTHER
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
CONFIG=/etc/solodisk/config.json
PLAN=$STATE/plan.json

mkdir -p "$KEYS" /mnt/v
chmod 0700 "$KEYS"
[ -e "$STATE/key" ] || head -c 64 /dev/urandom | base64 -w0 >"$STATE/key"
(umask 077 && cp "$STATE/key" "$KEYS/one")
cat >"$CONFIG" <<'END'
{
  "pools": [
    {"name": "fast", "storageClass": "fast", "filesystem": "ext4",
     "disks": [{"serial": ["FAST*"], "maxSize": "64Mi"}]},
    {"name": "safe", "storageClass": "safe", "filesystem": "ext4",
     "encryption": "luks2", "key": "file:one", "disks": [{"serial": ["SAFE?"]}]},
    {"name": "other", "storageClass": "fast", "filesystem": "xfs", "disks": [{"serial": ["*TWICE"]}]}
  ]
}
END
chmod 0644 "$CONFIG"

# node DISK: its kernel name.
node() {
	basename "$(vm dev "$1")"
}

# make_plan DISK...: a plan for these alone.
make_plan() {
	local disk words=()
	for disk; do
		words+=("$(node "$disk")")
	done
	solodisk plan --output "$PLAN" "${words[@]}" >/tmp/plan-table 2>&1 || note "$(cat /tmp/plan-table)"
}

# unplannable NAME REGEX STATUS: apply refuses the whole plan for a and c, says why, and changes no byte.
unplannable() {
	local name=$1 regex=$2 status=${3:-3} before out
	before=$(digests a c)
	out=$(solodisk apply "$PLAN" --yes 2>&1)
	is "$name: refused" "$?" "$status"
	like "$name: says why" "$out" "$regex"
	is "$name: not a byte changed, of the other disk neither" "$(digests a c)" "$before"
}

# clear DISK: blank again, and a new plan for a and c.
clear() {
	blkdiscard -z "$(vm dev "$1")"
	make_plan a c
}

# asked_and_changed ARGUMENT...: solodisk asks, then c is written to, then a person says yes.
asked_and_changed() {
	: >/tmp/answer
	{
		eventually 60 grep -q "Type yes" /tmp/answer
		printf x | dd of="$(vm dev c)" bs=64K seek=30M oflag=seek_bytes conv=notrunc,fsync status=none
		echo yes
		sleep 1
	} | script -qefc "solodisk $*" /tmp/answer >/dev/null
}

# edited NAME REGEX SED: the plan with something else in it is refused.
edited() {
	local out
	(umask 077 && sed -E "$3" "$PLAN" >/tmp/edited)
	isnt "$1: edited" "$(cat /tmp/edited)" "$(cat "$PLAN")"
	out=$(solodisk apply /tmp/edited --yes 2>&1)
	is "$1: refused" $? 3
	like "$1: says why" "$out" "$2"
}

first_boot() {
	local reasons notes all

	prepare "$(vm dev made)" --filesystem ext4 >/dev/null
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$(vm dev foreign)"
	mount -o ro "$(vm dev foreign)" /mnt/v

	# What it says
	all="a b c big twice foreign made path1 path2 other"
	# shellcheck disable=SC2086 # words
	before=$(digests $all)
	ok "plan" solodisk plan --output "$PLAN"
	# shellcheck disable=SC2086 # words
	is "it changes nothing" "$(digests $all)" "$before"
	table=$(solodisk plan)
	like "a disk of a pool" "$table" "$(node a) +64M .*FASTA +eui\.[0-9a-f]+ +blank +prepare ext4 +fast "
	like "one that will be encrypted" "$table" "$(node b) .* prepare ext4 in LUKS2 +safe "
	like "too large for its pool" "$table" \
		"$(node big) .* blank +no pool matches it \(not \"fast\": it is larger than 64M\)"
	like "two pools match" "$table" "$(node twice) .* blank +two pools match it, \"fast\" and \"other\""
	like "no pool matches" "$table" "$(node other) .* blank +no pool matches it \\(not \"fast\": its serial"
	solodisk list --json >/tmp/list
	is "just three disks would be prepared" \
		"$(jq -r '.disks[] | .disk.serial + " " + (.pool // "")' "$PLAN")" \
		$'FASTA fast\nSAFEB safe\nFASTC fast'
	reasons=$(jq -r '.left[] | select(.state != "blank") | .name + ": " + .reason' "$PLAN")
	notes=$(jq -r --argjson n '["FASTF", "FASTDONE", "T"]' \
		'.disks[] | select(.serial | IN($n[])) | .name + ": " + .note' /tmp/list)
	is "the others are left for the reasons that list gives" "$reasons" "$notes"
	like "mounted" "$reasons" "$(node foreign): [a-z]+ is mounted at /mnt/v"
	like "ready" "$reasons" "$(node made): ready for its first tenant"
	like "the same WWID" "$reasons" "$(node path1): [a-z]+ has the same WWID"
	is "the plan is root's alone" "$(stat -c %a "$PLAN")" 600
	not_ok "the key is not in it" grep -q "$(cut -c1-20 "$STATE/key")" "$PLAN"
	ok "its name is" grep -q '"key": "file:one"' "$PLAN"
	umount /mnt/v
	out=$(solodisk plan --output /tmp/none "$(node big)" 2>&1)
	is "a disk that is named and may not be: refused" $? 3
	like "and why" "$out" "solodisk: $(node big): no pool matches it"
	not_ok "and no plan" test -e /tmp/none

	# What has changed since
	make_plan a c
	like "it can be for named disks" "$(cat /tmp/plan-table)" "2 of these disks would be prepared"
	printf x | dd of="$(vm dev c)" bs=1 seek=4000 conv=notrunc,fsync status=none
	unplannable "a byte written" "is not blank: byte 4000"
	clear c
	printf x | dd of="$(vm dev c)" bs=64K seek=30M oflag=seek_bytes conv=notrunc,fsync status=none
	unplannable "a byte written in its middle" "somebody has written to it since"
	clear c
	blkdiscard -z -o 16M -l 4K "$(vm dev c)"
	unplannable "zeros written" "somebody has written to it since"
	make_plan a c
	lvm pvcreate -qq -y "$(vm dev c)" >/dev/null
	unplannable "a PV of LVM" "is a member of an array or volume group"
	lvm pvremove -qq -y "$(vm dev c)" >/dev/null
	clear c
	mkfs.ext4 -q "$(vm dev c)"
	unshare -m sh -c "mount -o ro $(vm dev c) /mnt/v && echo >/run/ready && exec sleep 600" &
	holder=$!
	eventually 20 test -e /run/ready
	unplannable "mounted elsewhere" "is mounted at /mnt/v in the mount namespace of"
	kill $holder
	wait $holder 2>/dev/null
	clear c
	vm unplug c
	unplannable "taken out" "there is no disk naa" 4
	vm plug c
	unplannable "and put back" "it was taken out since"
	make_plan a c
	vm grow c 96M
	unplannable "grown" "its size has changed: it was 67108864 bytes, now it is 100663296"
	sed -i 's/64Mi/96Mi/' "$CONFIG"
	make_plan a c
	asked_and_changed apply "$PLAN"
	like "changed between question and yes: refused" "$(cat /tmp/answer)" \
		"Type yes.*$(node c): somebody has written to it since"
	is "the other disk is made" "$(state_of "$(vm dev a)")" ready
	solodisk release --yes "$(node a)" >/dev/null
	blkdiscard -z "$(vm dev c)"
	asked_and_changed prepare --filesystem ext4 "$(node c)"
	like "the same with prepare" "$(cat /tmp/answer)" "Type yes.*somebody has written to it since"
	is "nothing was made" "$(state_of "$(vm dev c)")" ""

	# What the plan itself is
	clear c
	before=$(digests a c)
	edited "another node" "made on another node" 's/"hostname": "[^"]*"/"hostname": "elsewhere"/'
	edited "another version" "line 2: solodiskPlan: this is a plan of another version" \
		's/"solodiskPlan": 1/"solodiskPlan": 2/'
	edited "half of it" "not valid JSON at line" '20,$d'
	edited "an unknown action" "disks\[0\]\.action: it must be \"prepare\"" 's/"prepare"/"erase"/'
	edited "a kernel's name for the WWID" "it is not the disk that it was: the WWID" \
		"s/\"wwid\": \"eui[^\"]*\"/\"wwid\": \"$(node a)\"/"
	edited "another serial number" "the serial number of eui\..* was \"FASTX\", now it is \"FASTA\"" \
		's/"serial": "FASTA"/"serial": "FASTX"/'
	chmod 0666 /tmp/edited
	exits "others may write to it: refused" 3 solodisk apply /tmp/edited --yes
	is "after all of these not a byte changed" "$(digests a c)" "$before"

	# The next boot: other names
	solodisk plan --output "$PLAN" "$(node a)" "$(node b)" >/dev/null
	wwid_of "$(node a)" >"$STATE/wwid"
	node a >"$STATE/name"
	vm swap a b
	sync
	vm reset
	sleep 60
}

second_boot() {
	local name
	name=$(<"$STATE/name")
	isnt "after a reboot another disk has the name" "$(wwid_of "$name")" "$(<"$STATE/wwid")"
	ok "apply" solodisk apply "$PLAN" --yes
	like "the disk by its WWID, as its pool says" "$(blkid -p -o value -s TYPE "$(vm dev a)p1")" "^ext4$"
	is "and the other, which now has the name" "$(blkid -p -o value -s TYPE "/dev/${name}p1")" crypto_LUKS
	is "both are ready" "$(state_of "$(vm dev a)") $(state_of "$(vm dev b)")" "ready ready"
	is "no other disk was touched" "$(state_of "$(vm dev c)")$(state_of "$(vm dev big)")" ""
	before=$(digests a b)
	out=$(solodisk apply "$PLAN" --yes)
	is "again" $? 0
	is "all is done" "$(grep -c 'is ready already' <<<"$out")" 2
	is "and not a byte changed" "$(digests a b)" "$before"
	head -c 64 /dev/urandom >"$KEYS/one"
	out=$(solodisk apply "$PLAN" --yes 2>&1)
	isnt "with another key it is not as planned" $? 0
	like "and says so" "$out" "$(node b): it is volume .* already, but made otherwise"
	is "and not a byte changed then" "$(digests a b)" "$before"
}

if [ "$BOOT" = 1 ]; then
	first_boot
else
	second_boot
	done_testing
fi
