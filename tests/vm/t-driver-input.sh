#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every verb with bad input: a clear Failure in one JSON line, never a crash.
# vm: --disk nvme,name=a,size=512M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"

install_driver false
id=$(prepare /dev/nvme0n1 --filesystem xfs)
good=$(options "$id")
target=$(pod 1)
before=$(digests a)
long=$(head -c 100000 /dev/zero | tr '\0' x)
deep=$(printf '{"a":%.0s' $(seq 5000))

with_options() { # VERB JSON: the verb's arguments around the options
	case $1 in
	mount) call mount "$target" "$2" ;;
	mountdevice) call mountdevice "$target" /dev/x "$2" ;;
	waitforattach) call waitforattach /dev/x "$2" ;;
	expandvolume) call expandvolume "$2" /dev/x 2Gi 1Gi ;;
	expandfs) call expandfs "$2" /dev/x "$target" 2Gi 1Gi ;;
	*) call "$1" "$2" node1 ;;
	esac
}

declare -A bad=(
	["empty"]=''
	["not JSON"]='hello'
	["an array"]='[]'
	["a string"]='"x"'
	["null"]='null'
	["cut off"]='{"volumeID": "'
	["two documents"]="$good $good"
	["duplicate keys"]="{\"volumeID\": \"$id\", \"volumeID\": \"$id\"}"
	["deep nesting"]="$deep"
	["NUL in a value"]="{\"volumeID\": \"$id\\u0000\"}"
	["newline in a value"]="{\"volumeID\": \"$id\\n\"}"
	["newline in another value"]="{\"volumeID\": \"$id\", \"wwid\": \"a\\nb\"}"
	["a number as the ID"]='{"volumeID": 7}'
	["an object as the ID"]='{"volumeID": {}}'
	["upper case ID"]="{\"volumeID\": \"${id^^}\", \"wwid\": \"x\"}"
	["../ in the ID"]='{"volumeID": "../../../../etc/passwd"}'
	["../ in the key"]="{\"volumeID\": \"$id\", \"encryption\": \"luks2\", \"key\": \"file:../x\"}"
	["../ in the device"]="{\"volumeID\": \"$id\", \"device\": \"/dev/../etc/passwd\"}"
	["../ in the PV's name"]="{\"volumeID\": \"$id\", \"kubernetes.io/pvOrVolumeName\": \"../x\"}"
	["no ID"]='{}'
	["unknown option"]="{\"volumeID\": \"$id\", \"volumeid\": \"x\"}"
	["invalid UTF-8"]="{\"volumeID\": \"$(printf '\xff\xfe')\"}"
	["a long value"]="{\"volumeID\": \"$id\", \"wwid\": \"$long\"}"
	["a long key"]="{\"volumeID\": \"$id\", \"$long\": \"x\"}"
	["a huge number"]='{"volumeID": 1e99999}'
	["a secret that is no base64"]="{\"volumeID\": \"$id\", \"kubernetes.io/secret/key\": \"***\"}"
)
for verb in attach isattached waitforattach mountdevice mount expandvolume expandfs; do
	for name in "${!bad[@]}"; do
		with_options $verb "${bad[$name]}"
		code=1
		[[ ${bad[$name]} != *kubernetes.io/secret/* ]] || code=0
		if [ "$result:$status" = "Failure:$code" ] && is_one_answer && [ -n "$message" ] &&
			[ ${#message} -lt 1200 ]; then
			report ok "$verb: $name"
		else
			report "not ok" "$verb: $name"
			note "exit $status: ${answer:0:500}"
		fi
	done
done

# Directories.
for verb in mount unmount mountdevice unmountdevice; do
	for dir in "" relative/dir / /tmp/../etc "/tmp/a"$'\n'"b" "/$long" /tmp/x/..; do
		case $verb in
		mount) call mount "$dir" "$good" ;;
		mountdevice) call mountdevice "$dir" /dev/x "$good" ;;
		*) call $verb "$dir" ;;
		esac
		is "$verb: directory '${dir:0:20}'" "$result:$status" "Failure:1" || note "${answer:0:300}"
		ok "$verb: one answer" is_one_answer
	done
done

# Numbers of arguments.
for words in mount "mount $target" "mount $target {} x" unmount "unmount a b" mountdevice init\ x attach \
	"attach {} a b" waitforattach "expandfs {}" expandvolume; do
	# shellcheck disable=SC2086 # the words are the arguments
	call $words
	is "'${words:0:30}': wrong number of arguments" "$result:$status" "Failure:1" || note "$answer"
done
call
is "no verb" "$result:$status" "Failure:1"
call ""
is "an empty verb" "$result:$status" "Not supported:0"
call mount "$target" "$good" a b c d e f g h i j k l m
is "many arguments" "$result:$status" "Failure:1"
call mount "$target" "$long" "$long" "$long" "$long" "$long" "$long" "$long" "$long" "$long" "$long" "$long"
is "more than a MiB of arguments" "$result:$status" "Failure:1"
like "it says so" "$message" "large|too many"
printf '{"attach": "yes"}' >"$DRIVER_DIR/.config.json"
call mount "$target" "$good"
like "a broken .config.json is named" "$message" "config.json"
call init
is "but init never fails" "$result" Success
echo '{}' >"$DRIVER_DIR/.config.json"
is "no byte changed" "$(digests a)" "$before"
no_leftovers "nothing is left at the end"
is "nothing crashed" "$(grep -c 'was killed\|crash' /run/syslog)" 0
answers_are_json
done_testing
