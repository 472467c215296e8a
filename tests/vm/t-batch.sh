#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several disks in one command: all at once, each on its own, told on a terminal and as JSON; what fails
# or is stopped.
# vm: --disk virtio,name=a,size=64M --disk nvme,name=b,size=64M --disk nvme,name=c,size=64M
# vm: --disk nvme,name=d,size=64M
# timeout: 400
. "$SRC/tests/vm/lib.sh"
PATH=$BUILD:$PATH
ALL="vda nvme0n1 nvme1n1 nvme2n1"

# states: of all disks, in their order.
states() {
	# shellcheck disable=SC2086 # words
	solodisk list --json $ALL | jq -r '[.disks[].state] | join(" ")'
}

# events COUNT REGEX: at least so many lines of /tmp/events match.
events() {
	[ "$(grep -cE "$2" /tmp/events)" -ge "$1" ]
}

# all_throttled BYTES
all_throttled() {
	local name
	for name in a b c d; do vm throttle $name "$1"; done
}

# on_terminal ROWS COLUMNS COMMAND: on a terminal of this size; what it is sent goes to /tmp/terminal.
on_terminal() {
	TERM=xterm script -qec "stty rows $1 cols $2; $3" /dev/null >/tmp/terminal
}

terminal_shows() {
	[[ $(</tmp/terminal) == *overwrite*"and 2 more, 1 waiting"* ]]
}

# screen: /tmp/terminal as a terminal shows it. The first line is how many lines of progress there were at
# most, and how wide they were; then what is left at the end.
screen() {
	python3 - <<-'END'
		import re
		text = open("/tmp/terminal", newline="").read()
		rows, y, x, most, widest = [""], 0, 0, 0, 0
		for n, command, plain in re.findall(r"\x1b\[(\d*)(.)|([\r\n]|[^\x1b\r\n]+)", text):
		    if command == "A":
		        y -= int(n or 1)
		    elif command == "J":
		        rows[y] = rows[y][:x]
		        del rows[y + 1:]
		    elif command:
		        raise SystemExit(f"unknown sequence {command}")
		    elif plain == "\r":
		        x = 0
		    elif plain == "\n":
		        y += 1
		        rows += [""] * (y + 1 - len(rows))
		    else:
		        rows[y] = rows[y][:x].ljust(x) + plain + rows[y][x + len(plain):]
		        x += len(plain)
		        live = [r for r in rows if re.match(r"[a-z0-9]+  |and \d|\d+ waiting", r)]
		        most = max(most, len(live))
		        widest = max([widest] + [len(r) for r in live])
		print(most, widest)
		print("\n".join(rows).rstrip("\n"))
	END
}

# All at once: the first one hangs, and the others get done. A virtio disk is waited for as long as it takes.
vm throttle a 1000000
# shellcheck disable=SC2086
solodisk prepare --filesystem ext4 --yes --json $ALL >/tmp/events 2>/tmp/errors &
pid=$!
ok "the work begins" eventually 60 events 1 '"event":"step"'
vm hang a on
ok "the others are done" eventually 60 events 3 '"event":"done"'
ok "while the first is at work" kill -0 $pid
unlike "and not done" "$(</tmp/events)" '"done","disk":"vda"'
vm hang a off
vm throttle a 0
ok "then it is, too" wait $pid
is "every event names disk and WWID; each disk ends with done" "$(jq -rs '
	all(.[]; has("disk") and has("wwid") and (.event != "step" or has("step"))),
	(group_by(.disk)[] | "\(.[0].disk) \(.[0].event) \(.[-1].event) \(.[-1].state)")' /tmp/events)" \
	$'true\nnvme0n1 step done ready\nnvme1n1 step done ready\nnvme2n1 step done ready\nvda step done ready'
is "nothing else is printed" "$(</tmp/errors)" ""
is "all are ready" "$(states)" "ready ready ready ready"

# On a terminal

all_throttled 16000000
on_terminal 24 79 "solodisk erase --yes --method zero $ALL" </dev/null
is "erased on a terminal" $? 0
all_throttled 0
{ read -r most widest && shown=$(cat); } < <(screen)
is "a line a disk" "$most" 4
ok "none of them is wider than the terminal" test "$widest" -lt 79
# shellcheck disable=SC2001 # a pattern
is "at the end there are the results alone" \
	"$(sed 's/volume [-0-9a-f]* is/volume ID is/' <<<"$shown" | sort)" \
	"$(for disk in nvme0n1 nvme1n1 nvme2n1 vda; do echo "$disk: erased; volume ID is ready, ext4"; done)"

# One with errors fails alone. No terminal: plain lines.

vm errors c on write
# shellcheck disable=SC2086
solodisk erase --yes --method zero --no-prepare $ALL >/tmp/results 2>/tmp/errors
is "one fails" $? 1
vm errors c off
is "the others do not" "$(cut -d: -f1 /tmp/results | sort | xargs)" "nvme0n1 nvme2n1 vda"
is "it is said which" "$(grep -c '^solodisk: nvme1n1: ' /tmp/errors)" 1
is "and no other error" "$(grep -c '^solodisk: ' /tmp/errors)" 1
like "steps are told" "$(</tmp/errors)" $'nvme2n1: overwrite\n'
not_ok "without control characters" grep -q $'[\r\033]' /tmp/errors /tmp/results

# Killed: one process of two

all_throttled 8000000
solodisk erase --yes --json --method zero --filesystem ext4 --encrypt none nvme1n1 >/tmp/events &
pid=$!
ok "at work" eventually 60 events 1 overwrite
kill -9 "$(pgrep -P $pid)"
wait $pid
is "its process was killed" $? 1
like "it is told, and what to do" "$(tail -n 1 /tmp/events)" \
	'^.{1}"event":"failed","disk":"nvme1n1","wwid":"[^"]+","exit":1,"error":"[^"]*signal 9.*same command goes on'

# Stopped from a small terminal: three at work, of which one line has room, and one that waits.

all_throttled 0
# shellcheck disable=SC2086
ok "ready again" solodisk erase --yes --method zero --filesystem ext4 --encrypt none $ALL
all_throttled 4000000
{
	eventually 60 terminal_shows
	printf '\003'
	sleep 60 &
	echo $! >/tmp/sleep
	wait
} | on_terminal 3 40 "trap : INT; solodisk erase --yes --method zero --jobs 3 $ALL; echo status \$? >&2" &
pid=$!
ok "it ends" eventually 120 grep -q "^status" /tmp/terminal
all_throttled 0
kill "$(</tmp/sleep)"
wait $pid
{ read -r most widest && shown=$(cat); } < <(screen)
is "two lines of the three are used" "$most" 2
ok "they are cut at the terminal's width" test "$widest" -lt 40
like "it is said that it stops" "$shown" "solodisk: stopping"
is "three were cancelled" \
	"$(grep -cE ": cancelled( with [0-9]+% of it erased)?; the same command goes on from here" <<<"$shown")" 3
is "one did not begin" "$(grep -c ": cancelled before it began; nothing was changed" <<<"$shown")" 1
like "the status says so" "$shown" $'status 1'
like "three can go on, one is as it was" "$(states)" "^((erasing|preparing) ){3}ready$"
not_ok "no process is left" pgrep -x solodisk
# shellcheck disable=SC2086
ok "the same command finishes it" \
	solodisk erase --yes --method zero --filesystem ext4 --encrypt none $ALL
is "all are ready again" "$(states)" "ready ready ready ready"

# shellcheck disable=SC2086
ok "all are given back" solodisk release --yes $ALL
is "all are blank" "$(states)" "blank blank blank blank"
done_testing
