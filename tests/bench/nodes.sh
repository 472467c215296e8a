# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # tests/bench/agents sets $STATE, $VOLUMES and what apiserver.sh has
# Nodes that are nothing but mounts, for tests/bench/agents: each agent has namespaces of users, mounts and
# processes of its own, in which it is root and sees a recorded /sys, a /dev without any disk, an empty /run, and
# small filesystems in a directory that it publishes.
#
# An ordinary user may have 128 inotify instances (fs.inotify.max_user_instances), of which an agent needs
# one, whatever the namespace. Root, who is not needed, can run more: they are users that do not exist.

PVS=/api/v1/persistentvolumes
PORT=20000
WAVE=50         # that begin at once
FIRST_USER=2000000000
read -r instances </proc/sys/fs/inotify/max_user_instances
agents_of_user=$((instances - 8)) # some may be in use

# unpack FILE: what tests/fixtures/record has printed, of /sys, into the nodes' tree.
unpack() {
	local line path target file
	while IFS= read -r line; do
		if [[ $line == $'\t'* ]]; then
			[ -z "$file" ] || printf '%s\n' "${line#$'\t'}" >>"$file"
			continue
		fi
		path=${line#* } target=
		[[ $line != l* ]] || { target=${path#* } path=${path%% *}; }
		file=
		[[ $path == sys/* ]] || continue
		file=$STATE/node/$path
		mkdir -p "${file%/*}"
		case $line in
			d*) mkdir -p "$file" ;;
			l*) ln -sfn "$target" "$file" ;;
			f*) : >"$file" ;;
		esac
	done <"$1"
}

# make_nodes_world: what all nodes have in common.
make_nodes_world() {
	local i name
	chmod 0755 "$STATE"
	mkdir -p "$STATE"/node/{sys/block,dev,disks}
	unpack tests/fixtures/disks.tree
	cp "$BUILD/solodisk" "$STATE/node/solodisk"
	: >"$STATE/node/dev/null"
	{
		echo "run /run tmpfs size=1m 0 0"
		echo "$STATE/node/sys /sys none bind 0 0"
		echo "/dev/null $STATE/node/dev/null none bind 0 0"
		echo "$STATE/node/dev /dev none rbind 0 0"
		for ((i = 0; i < VOLUMES; i++)); do
			name=$(printf 'v%03d' "$i")
			mkdir "$STATE/node/disks/$name"
			echo "$name $STATE/node/disks/$name tmpfs size=64m 0 0"
		done
	} >"$STATE/node/fstab"
	printf '{"directories": [{"path": "/mnt/disks", "mountPath": "%s", "storageClass": "c"}]}\n' \
		"$STATE/node/disks" >"$STATE/node/config.json"
	# The configuration has to be root's.
	cat >"$STATE/node/begin" <<-EOF
		mount --all --fstab $STATE/node/fstab && cp $STATE/node/config.json /run || exit
		echo "\$EPOCHREALTIME"
		exec $STATE/node/solodisk agent --node-name "node-\$1" --config /run/config.json \\
			--kubeconfig $STATE/node/kubeconfig --listen "127.0.0.1:\$2"
	EOF
	unshare --user --map-root-user --mount --pid --fork --mount-proc mount --all --fstab "$STATE/node/fstab" ||
		fail "this machine does not let an ordinary user have namespaces and mounts of his own"
}

start_server() {
	start_apiserver --enable-priority-and-fairness=true
}

make_rights() {
	kubectl create namespace solodisk >/dev/null && kubectl apply -f "$SRC/deploy/base/rbac.yaml" >/dev/null || return
	cp "$kube/ca.crt" "$STATE/node/ca.crt"
	kube=$STATE/node make_kubeconfig "$STATE/node/kubeconfig" "$(make_token solodisk solodisk)"
}

make_nodes() {
	local i
	for ((i = $1; i <= $2; i++)); do
		printf 'next\nurl = "%s/api/v1/nodes"\ncacert = "%s/ca.crt"\nheader = "Authorization: Bearer admin-token"\n' \
			"$APISERVER" "$kube"
		printf 'header = "Content-Type: application/json"\nsilent\noutput = /dev/null\ndata = "%s"\n' \
			"{\\\"metadata\\\": {\\\"name\\\": \\\"node-$i\\\", \\\"labels\\\": {\\\"kubernetes.io/hostname\\\": \\\"host-$i\\\"}}}"
	done >"$STATE/nodes.curl"
	curl -K "$STATE/nodes.curl"
}

# start_agent I: as that node.
starters=()
start_agent() {
	local become=() user=$((FIRST_USER + $1 / agents_of_user))
	[ "$EUID" -ne 0 ] || become=(setpriv --reuid "$user" --regid "$user" --clear-groups)
	[ "$EUID" -eq 0 ] || [ "$1" -le "$agents_of_user" ] ||
		fail "an ordinary user can have $agents_of_user agents here (fs.inotify.max_user_instances)"
	"${become[@]}" unshare --user --map-root-user --mount --pid --fork --kill-child --mount-proc \
		bash "$STATE/node/begin" "$1" $((PORT + $1)) >"$STATE/began.$1" 2>>"$STATE/log" &
	starters[$1]=$!
}
# agent_pid I: the starter's only child.
agent_pid() {
	local pid=
	read -r pid <"/proc/${starters[$1]}/task/${starters[$1]}/children"
	echo "$pid"
}

published() {
	local answer
	answer=$(api GET "$PVS?limit=1") || return
	if [[ $answer =~ \"remainingItemCount\":\ ?([0-9]+) ]]; then
		echo $((BASH_REMATCH[1] + 1))
	else
		grep -c '"uid"' <<<"$answer"
	fi
}
are_published() {
	[ "$(published)" -ge "$1" ]
}
# start_agents FROM TO: wave by wave, as nodes are rolled out.
start_agents() {
	local i
	for ((i = $1; i <= $2; i++)); do
		start_agent "$i"
		[ $((i % WAVE)) -ne 0 ] && [ "$i" -ne "$2" ] || eventually 600 are_published $((i * VOLUMES)) || return
	done
}

has_published() {
	curl -s "http://127.0.0.1:$((PORT + $1))/metrics" |
		grep -q "^solodisk_directory_changes_total.*published.* $VOLUMES\$"
}
# newcomer_ms I: from the agent's start, which was just now, until all its volumes are published.
newcomer_ms() {
	local end=$((SECONDS + 120)) began ended
	until has_published "$1"; do
		[ $SECONDS -lt $end ] || return
	done
	ended=$(now)
	read -r began <"$STATE/began.$1"
	awk -v began="$began" -v ended="$ended" 'BEGIN { printf "%d", (ended - began) * 1000 }'
}

stop_all() {
	[ ${#starters[@]} -eq 0 ] || kill -KILL "${starters[@]}"
	wait "${starters[@]}"
	stop_apiserver
	stop_etcd
} 2>/dev/null
