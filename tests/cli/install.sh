#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# solodisk install and uninstall, on made-up nodes: where the driver goes, what kubelet can see meanwhile, several
# versions, going back, and what is refused.
set -u
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
# The bundle is made of the plain build; the tool may be the sanitized one.
BUNDLE=$SRC/build/bundle
requires "$BUNDLE/driver/.version" "$BUILD/solodisk"
USUAL=/usr/libexec/kubernetes/kubelet-plugins/volume/exec
version=$(<"$BUNDLE/driver/.version")

# node: a new root directory N, with a kubelet that was started with these words, if there are any.
nodes=0
node() {
	nodes=$((nodes + 1))
	N=$TMP/node$nodes
	mkdir -p "$N/proc/1" "$N/proc/self" "$N/etc" "$N/run"
	echo "1 0 0:1 / / rw - tmpfs tmpfs rw" >"$N/proc/1/mountinfo"
	printf 'init\0' >"$N/proc/1/cmdline"
	[ $# -eq 0 ] || { mkdir "$N/proc/77" && printf '%s\0' "$@" >"$N/proc/77/cmdline"; }
}
tool() {
	"$BUILD/solodisk" "$@"
}
# shellcheck disable=SC2120 # mostly without more
install_it() {
	tool install --root "$N" --from "$BUNDLE/driver" "$@"
}
# goes_to NAME DIRECTORY: where an install on the present node puts the driver.
goes_to() {
	install_it "${@:3}" >"$TMP/out" 2>&1
	ok "$1: the driver is in $2" test -x "$N$2/solodisk~disk/disk" || note "$(<"$TMP/out")"
}

node
goes_to "no kubelet" $USUAL
node /usr/bin/kubelet --root-dir=/x --volume-plugin-dir=/opt/plugins/ --v=2
goes_to "kubelet's flag" /opt/plugins
node kubelet --volume-plugin-dir /opt/two
goes_to "kubelet's flag in two words" /opt/two
node kubelet --config=/etc/kubelet.yaml
printf 'kind: KubeletConfiguration\nother:\n  volumePluginDir: /wrong\nvolumePluginDir: "/var/plugins" # so\n' >"$N/etc/kubelet.yaml"
goes_to "YAML" /var/plugins
like "and it says how it knows" "$(<"$TMP/out")" "volumePluginDir in kubelet's configuration"
node kubelet --config /etc/kubelet.json --config-dir=/etc/kubelet.d
echo '{"kind": "KubeletConfiguration", "volumePluginDir": "/var/json"}' >"$N/etc/kubelet.json"
goes_to "JSON" /var/json
rm -r "${N:?}/var"
mkdir "$N/etc/kubelet.d" && echo 'volumePluginDir: /var/later' >"$N/etc/kubelet.d/10-more.conf"
goes_to "a drop-in" /var/later
node kubelet --config=/etc/missing.yaml
exits "a configuration that cannot be read is no guess" 3 install_it
like "and says what to do" "$(<"$tests_output")" "give --plugin-dir.*missing.yaml"
node /usr/local/bin/k3s agent --kubelet-arg=volume-plugin-dir=/opt/k3s --kubelet-arg v=2
goes_to "k3s" /opt/k3s
node notkubelet --volume-plugin-dir=/wrong
echo 'ID=flatcar' >"$N/etc/os-release"
goes_to "Flatcar" /var/lib/kubelet/volumeplugins
node && echo 'ID=cos' >"$N/etc/os-release" && mkdir -p "$N/home/kubernetes"
goes_to "Container-Optimized OS" /home/kubernetes/flexvolume
node && mkdir -p "$N/usr/libexec/k0s"
goes_to "k0s" /usr/libexec/k0s/kubelet-plugins/volume/exec
node && mkdir -p "$N/data/libexec" "$N/usr" && ln -s /data/libexec "$N/usr/libexec"
goes_to "an absolute link of the node" /data/libexec/kubernetes/kubelet-plugins/volume/exec
node && mkdir -p "$N/given"
goes_to_given() { tool install --root "$N" --from "$BUNDLE/driver" --plugin-dir /given --json; }
is "JSON answer" "$(goes_to_given | jq -r '.version + " " + .pluginDir')" "$version /given"

# What is there.
node
P=$N$USUAL
D=$P/solodisk~disk
install_it --json >/dev/null
is "the plugin directory holds the driver alone" "$(ls -A "$P")" "solodisk~disk"
is "nothing is left beside it" "$(ls -A "$P/..")" exec
is "kubelet calls this version" "$(readlink "$D/disk")" ".v/$version/disk"
is "files are as in the bundle" "$(diff -r "$BUNDLE/driver" "$D/.v/$version")" "Only in $D/.v/$version: .config.json"
is "the configuration is this node's" "$(<"$D/.config.json")" '{"attach":false}'
like "it works" "$("$D/disk" init)" '"Success".*"attach":false'
inode=$(stat -c %i "$D/.v/$version/.worker")
ok "install, repeated" install_it
is "copies nothing" "$(stat -c %i "$D/.v/$version/.worker")" "$inode"
not_ok "and has no previous version" test -e "$D/.previous"
exits "nor has anything to go back to" 3 tool install --root "$N" --roll-back
ok "with attach mode" install_it --attach true
like "the mode is read through the link" "$("$D/disk" init)" '"attach":true'
echo '{"attach":true,"allowInline":true}' >"$D/.config.json"
ok "and back" install_it --attach false
is "other keys stay" "$(<"$D/.config.json")" '{"attach":false,"allowInline":true}'
head -c 100 "$BUNDLE/driver/.worker" >"$D/.v/$version/.worker"
ok "install over a damaged version" install_it
like "mends it" "$("$D/disk" init)" '"Success"'

# Versions: made of this one.
for n in 2 3 4; do
	cp -r "$BUNDLE/driver" "$TMP/v$n" && echo "0.$n.0" >"$TMP/v$n/.version"
done
upgrade() { tool install --root "$N" --from "$TMP/v$1"; }
ok "a new version" upgrade 2
is "is called now" "$(readlink "$D/disk")" .v/0.2.0/disk
ok "back by the command" tool install --root "$N" --roll-back
is "the old one is called" "$(readlink "$D/disk")" ".v/$version/disk"
ok "and forth" tool install --root "$N" --roll-back
is "the new one is called" "$(readlink "$D/disk")" .v/0.2.0/disk
cp -a "$D" "$TMP/copy"
mv -T "$TMP/copy/.previous" "$TMP/copy/disk"
is "back by one rename, without the command" "$(readlink "$TMP/copy/disk")" ".v/$version/disk"
upgrade 3 >/dev/null && upgrade 4 >/dev/null
is "the two before are kept, older ones are not" "$(cd "$D/.v" && echo *)" "0.2.0 0.3.0 0.4.0"

# Whoever looks at any moment sees a driver that works, and nothing else.
looks=0
watch() {
	local answer names
	while [ ! -e "$TMP/stop" ]; do
		names=$(ls "$P")
		answer=$("$D/disk" init 2>&1)
		[ "$names" = solodisk~disk ] && [[ $answer == *Success* ]] || echo "$names: $answer" >>"$TMP/seen"
		echo >>"$TMP/looks"
	done
}
watch &
watcher=$!
for ((n = 0; n < 300 && (n < 10 || looks < 30); n++)); do
	upgrade $((n % 3 + 2)) >/dev/null || echo "upgrade $n failed" >>"$TMP/seen"
	looks=$(wc -l 2>/dev/null <"$TMP/looks")
done
touch "$TMP/stop"
wait $watcher
is "nobody ever saw a driver that does not work" "$(cat "$TMP/seen" 2>/dev/null)" ""
ok "(who looked $looks times)" test "$looks" -ge 30

# From an install of single files, as `make install` once made it.
node && D=$N$USUAL/solodisk~disk
mkdir -p "$D" && cp "$BUNDLE/driver/disk" "$D/disk"
echo '{"attach": true}' >"$D/.config.json"
ok "install over single files" install_it
is "keeps their mode" "$(<"$D/.config.json")" '{"attach": true}'
ok "and their executable" cmp "$D/.previous" "$BUNDLE/driver/disk"
ok "which one can go back to" tool install --root "$N" --roll-back
not_ok "it is a file again" test -L "$D/disk"

# In use.
node && D=$N$USUAL/solodisk~disk
install_it --json >/dev/null
before=$(find "$N" -printf '%p %i %T@\n' | sort)
mkdir -p "$N/run/solodisk/volume"
touch "$N/run/solodisk/volume/5c2f0c5e-0f0b-4c1c-9d5b-6f0f6a3f1b11.json"
exits "uninstall with a staged volume is refused" 3 tool uninstall --root "$N"
like "and names it" "$(<"$tests_output")" "5c2f0c5e.*drain"
exits "so is another mode" 3 install_it --attach true
rm -r "$N/run/solodisk"
echo "2 1 259:1 /data /var/lib/kubelet/pods/x/volumes/solodisk~disk/data rw - xfs /dev/nvme0n1p1 rw" >>"$N/proc/1/mountinfo"
exits "uninstall with a mounted volume is refused" 3 tool uninstall --root "$N"
is "and nothing was changed" "$(find "$N" -path "$N/proc/1/mountinfo" -prune -o -path "$N/run" -prune -o -printf '%p %i %T@\n' | sort)" \
	"$(grep -v -e "^$N/proc/1/mountinfo " -e "^$N/run " <<<"$before")"
ok "an upgrade is not refused" install_it
sed -i 2d "$N/proc/1/mountinfo"
ok "uninstall" tool uninstall --root "$N"
is "takes all away" "$(ls -A "$N$USUAL")" ""
ok "uninstall, repeated" tool uninstall --root "$N"
node
exits "a tool of no bundle needs --from" 3 tool install --root "$N"
exits "what is no bundle is refused" 1-3 tool install --root "$N" --from /etc
is "and nothing is left of it" "$(ls -A "$N$USUAL")" ""
ok "the bundle's own tool needs nothing" "$BUNDLE/solodisk" install --root "$N"
ok "and works" test -x "$N$USUAL/solodisk~disk/disk"
done_testing
