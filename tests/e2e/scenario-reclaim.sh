# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # cluster.sh and pods.sh set what is only read here
# A claim is deleted: its disk is erased and published under a new name, and the next tenant finds nothing of the last.
# A plain disk is overwritten to its end; of an encrypted one the key is destroyed, whatever its size.
. "$SRC/tests/e2e/install.sh"
. "$SRC/tests/vm/tenant.sh" # found
plain=$(vm dev a) vault=$(vm dev b)

mkdir -p "$STATE/keys"
key=$(new_key vault)
base64 -w0 "$key" >"$STATE/keys/vault" # scenario-secrets looks for it
ok "solodisk is installed" install_solodisk '{"scanSeconds": 30, "pools": [
	{"name": "plain", "storageClass": "'"$CLASS"'", "disks": [{"wwid": ["'"$(wwid_of "$plain")"'"]}],
	 "filesystem": "xfs", "prepare": "automatic", "reclaimPolicy": "Delete"},
	{"name": "vault", "storageClass": "vault", "disks": [{"wwid": ["'"$(wwid_of "$vault")"'"]}],
	 "filesystem": "xfs", "encryption": "luks2", "key": "file:vault", "prepare": "automatic", "reclaimPolicy": "Delete"}]}' ||
	show_agent
api POST /apis/storage.k8s.io/v1/storageclasses '{"metadata": {"name": "vault"},
	"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}' >/dev/null
ok "a plain disk is published" eventually "$WAIT" is_clean "$plain" || show_agent
ok "an encrypted one too, its key is a file of the node" eventually "$WAIT" is_clean "$vault" || { show_agent; return; }

# A tenant's marker, all over his volume.
TENANT="TENANT-$RANDOM$RANDOM-WAS-HERE"
printf '%s' "$TENANT" >/tmp/tenant
waits='trap "exit 0" TERM; while :; do sleep 1; done'
fills="yes $TENANT | dd of=/data/$TENANT bs=1M count=64 iflag=fullblock 2>/dev/null; sync; touch /data/done; $waits"
sees="ls -A /data >/tmp/seen; $waits"
claim first 400Mi
CLASS=vault claim secret 400Mi
run_pod first first "$fills"
run_pod secret secret "$fills"
for pod in first secret; do
	running "$pod"
	ok "tenant $pod writes" eventually "$WAIT" in_pod "$pod" test -e /data/done
done
sync
old=$(volume_of "$plain") old_vault=$(volume_of "$vault")
ok "the marker is on the plain disk, as a raw read of all of it shows" test "$(found /tmp/tenant "$plain")" -gt 1000
is "on the encrypted one it cannot be read" "$(found /tmp/tenant "$vault")" 0
ok "but is there for who has the key" test "$(found /tmp/tenant "/dev/mapper/solodisk-${old_vault//-/}")" -gt 1000
ok "the pods are deleted" delete_pod first secret
ok "nothing is mounted or mapped any more" eventually "$WAIT" no_mounts || note "$(leftovers)"

# written DISK: bytes, and zeroes that the disk was told to write by itself.
written() {
	awk '{ print $7 * 512 }' "/sys/block/${1#/dev/}/stat"
}
# keyslots DISK: a digest of where a LUKS2 header has them.
keyslots() {
	dd if="${1}p1" iflag=direct bs=32K skip=1 count=32 2>/dev/null | sha256sum
}
old_keyslots=$(keyslots "$vault")
# reclaim CLAIM DISK OLD-ID HOW: deletes the claim, and waits for the disk's new PersistentVolume.
reclaim() {
	local began=$SECONDS before
	before=$(written "$2")
	api DELETE "$claim_path/$1" >/dev/null
	ok "claim $1 is deleted: its disk is published anew" eventually "$WAIT" is_clean "$2" "$3" || show_agent
	figure "from a claim's deletion to a clean PersistentVolume, $4: $((SECONDS - began)) s"
	wrote=$(($(written "$2") - before))
	note "written meanwhile: $wrote bytes of $(blockdev --getsize64 "$2")"
}
reclaim first "$plain" "$old" "512 MB overwritten"
ok "all of the plain disk was overwritten" test "$wrote" -ge $((500 << 20))
reclaim secret "$vault" "$old_vault" "encrypted"
# The LUKS header twice, and a new XFS with its log: the same for a disk of any size.
ok "less than half of the encrypted one was" test "$wrote" -lt $((256 << 20))
isnt "its keyslots are others" "$(keyslots "$vault")" "$old_keyslots"
for id in "$old" "$old_vault"; do
	not_ok "PersistentVolume solodisk.$id is gone" api GET "/api/v1/persistentvolumes/solodisk.$id"
done

claim next 400Mi
CLASS=vault claim next-secret 400Mi
run_pod next next "$sees"
run_pod next-secret next-secret "$sees"
running next
running next-secret
is "the next tenant has the same disk by another name" "$(volume_of_claim next)" "solodisk.$(volume_of "$plain")"
is "his directory is empty" "$(in_pod next sh -c 'cat /tmp/seen; ls -A /data')" ""
is "so is that of the encrypted disk" "$(in_pod next-secret sh -c 'cat /tmp/seen; ls -A /data')" ""
is "a raw read of the whole disk finds no marker" "$(found /tmp/tenant "$plain")" 0
is "nor does one of the encrypted disk" "$(found /tmp/tenant "$vault")" 0
new_vault=$(volume_of "$vault")
is "nor one of what its new key makes of it" "$(found /tmp/tenant "/dev/mapper/solodisk-${new_vault//-/}")" 0
ok "the pods are deleted" delete_pod next next-secret
ok "nothing is mounted or mapped any more" eventually "$WAIT" no_mounts || note "$(leftovers)"
ok "solodisk is uninstalled" uninstall_solodisk
kubectl delete storageclass vault >/dev/null
rm -f "$key"
