#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What kubelet forgot is swept by the agent, also while there is no API server: stages and mappings that no pod
# uses. A used one is never touched.
# vm: --disk scsi,size=128M --disk scsi,size=128M --disk scsi,size=128M
# timeout: 600
. "$SRC/tests/vm/lib.sh"
. "$SRC/tests/vm/driver.sh"
. "$SRC/tests/vm/agent.sh"

# stage_of ID: where the volume is staged; nothing if it is not.
stage_of() {
	awk -v id="$1" 'index($5, "flexvolume/solodisk/disk/mounts/") && index($5, id) { print $5 }' /proc/self/mountinfo
}
is_unstaged() {
	[ -z "$(stage_of "$1")" ]
}
no_mapping() {
	! grep -qsx "solodisk-${1//-/}" /sys/block/dm-*/dm/name
}

install_driver false
configure '{"scanSeconds": 2}'
mkdir -p "$KEYS" && head -c 64 /dev/urandom >"$KEYS/k" && chmod 0600 "$KEYS/k"
plain=$(prepare /dev/sda --filesystem ext4)
secret=$(prepare /dev/sdb --filesystem ext4 --encrypt luks2 --key file:k)
used=$(prepare /dev/sdc --filesystem ext4)
cat >/run/agent.kubeconfig <<'END'
{"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "u", "user": {"token": "t"}}],
 "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
END
chmod 0600 /run/agent.kubeconfig

succeeds "a plain volume is mounted" mount "$(pod 1)" "$(options "$plain" pv)"
succeeds "an encrypted one" mount "$(pod 2)" "$(options "$secret" pv encryption=luks2 key=file:k)"
succeeds "and one that stays" mount "$(pod 3)" "$(options "$used" pv)"
umount "$(pod 1)" "$(pod 2)"
isnt "their pods' mounts went without the driver: the stage stays" "$(stage_of "$plain")" ""
not_ok "and the mapping" no_mapping "$secret"
start_agent
ok "the agent takes the stage away" eventually 60 is_unstaged "$plain" || agent_log
ok "and the encrypted one's" eventually 60 is_unstaged "$secret" || agent_log
ok "with its mapping" eventually 60 no_mapping "$secret"
ok "and what was noted of them" eventually 60 test ! -e "/run/solodisk/volume/$plain.json" -a ! -e "/run/solodisk/volume/$secret.json"
isnt "the used one stays" "$(stage_of "$used")" ""
ok "and works" touch "$(pod 3)/file"

succeeds "mounted again" mount "$(pod 4)" "$(options "$plain" pv)"
(cd "$(stage_of "$plain")" && exec sleep 1000) &
umount "$(pod 4)"
sleep 5
isnt "a stage that something still uses is left" "$(stage_of "$plain")" ""
kill $!
ok "until that is gone" eventually 60 is_unstaged "$plain" || agent_log
stop_agent
is "the agent stops" $? 0

# As configured by default it looks at every disk every five minutes, but sweeps more often.
configure '{}'
start_agent
ok "another agent begins" eventually 60 solodisk agent --probe
succeeds "mounted once more" mount "$(pod 5)" "$(options "$plain" pv)"
umount "$(pod 5)"
ok "within a minute its stage is taken away" eventually 60 is_unstaged "$plain" || agent_log
succeeds "unmount of what is left" unmount "$(pod 3)"
stop_agent
is "and stops" $? 0
no_leftovers ""
done_testing
