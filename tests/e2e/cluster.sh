# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2119,SC2120 # node-b.sh gives arguments
# A whole Kubernetes: controller-manager, containerd and kubelet in the guest; etcd, API server and scheduler, which
# have nothing to do with a node, on the host. Sourced after lib.sh and driver.sh. Needs "--apiserver --cpus 2 --memory
# 4096" and a virtio disk named "cluster", where everything lives that survives a power cut.
#
#	start_cluster			what there was before the last boot comes up again
#	start_NAME, stop_NAME		apiserver controller_manager containerd kubelet; start_scheduler
#	set_mode ATTACH [CONTROLLER]	true or false: the driver's mode, and who attaches; restarts both sides
#	figure TEXT...			a line of the summary at the end
#	driver_calls [PARENT]		how often the driver was run (by this process), and how long it took
#	keep_logs NAME			all logs, and all objects, to $STATE/logs/NAME
#
# The API server's service has an address of this machine's, and a relay behind it: so pods reach it at
# https://kubernetes.default's address without kube-proxy.

# shellcheck disable=SC2034 # for apiserver.sh
kube=/var/lib/cluster/kube
. "$SRC/tests/e2e/guest-apiserver.sh"
node="node-a"
verbosity=${verbosity:-10}
CONTROLLER_ROOT=/run/controller-manager # what the controller-manager sees as /
controller_attaches=true

# The disk for etcd, images, containers and pods.
mount_cluster_disk() {
	local disk dir
	disk=$(vm dev cluster) || return 1
	blkid "$disk" >/dev/null 2>&1 || mkfs.ext4 -q -E nodiscard,lazy_itable_init=1 "$disk" || return 1
	mkdir -p /var/lib/cluster
	mount "$disk" /var/lib/cluster || return 1
	mkdir -p "$kube/log" /var/lib/cluster/cni /var/lib/cni
	kubelet_dir && mount --bind /var/lib/cluster/cni /var/lib/cni
}

# kubelet_dir [-b]: as a group of mounts of its own, so that what is mounted below is there once.
kubelet_dir() {
	local dir=/var/lib/kubelet$1
	mkdir -p "/var/lib/cluster/kubelet$1" "$dir"
	mount --bind "/var/lib/cluster/kubelet$1" "$dir" && mount --make-private "$dir" && mount --make-shared "$dir"
}

# A network of this machine alone; kubelet wants a default route.
make_network() {
	modprobe -a dummy bridge veth 2>/dev/null
	ip link add dummy0 type dummy
	ip address add 10.10.0.1/24 dev dummy0
	ip address add 10.96.0.1/32 dev dummy0
	ip link set dummy0 up
	ip route add default via 10.10.0.254
	sysctl -q -w net.ipv4.ip_forward=1
	mkdir -p /etc/cni/net.d
	cat >/etc/cni/net.d/10-pods.conflist <<-EOF
		{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0",
		 "isGateway": true, "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}],
		 "ranges": [[{"subnet": "10.20.0.0/24"}]]}}, {"type": "portmap", "capabilities": {"portMappings": true}}]}
	EOF
}

# start_containerd [-b]: one of its own for another node of this machine, see node-b.sh.
start_containerd() {
	local socket=/run/containerd$1/containerd.sock
	mkdir -p /etc/containerd
	cat >"/etc/containerd/config$1.toml" <<-EOF
		version = 2
		root = "/var/lib/cluster/containerd$1"
		state = "/run/containerd$1"
		disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
			"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
			"io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
		[grpc]
		  address = "$socket"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "localhost/test:1"
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "$KUBERNETES/cni"
		    conf_dir = "/etc/cni/net.d"
		  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		    runtime_type = "io.containerd.runc.v2"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		      BinaryName = "$KUBERNETES/bin/runc"
	EOF
	start_daemon "containerd$1" containerd --config "/etc/containerd/config$1.toml" --log-level info
	eventually 120 ctr -a "$socket" version >/dev/null 2>&1
}
stop_containerd() {
	stop_daemon "containerd$1"
}

# import_image FILE [-b]: if containerd does not have it.
import_image() {
	local name ctr="ctr -a /run/containerd$2/containerd.sock -n k8s.io"
	name=$(tar -xOf "$1" manifest.json | sed 's/.*"RepoTags": *\["\([^"]*\).*/\1/')
	$ctr images ls -q | grep -qxF "$name" || $ctr images import --no-unpack "$1" >/dev/null
}

start_controller_manager() {
	mkdir -p "$CONTROLLER_ROOT"/{etc,tmp,dev,usr/libexec}
	if ! mountpoint -q "$CONTROLLER_ROOT"; then
		mount -t tmpfs tmpfs "$CONTROLLER_ROOT"
		mkdir -p "$CONTROLLER_ROOT"/{etc,tmp,dev,kube,"$PLUGINS"}
		# The driver and nothing else of this machine, as in a distroless container.
		mount --bind "$PLUGINS" "$CONTROLLER_ROOT/$PLUGINS"
		mknod -m 0666 "$CONTROLLER_ROOT/dev/null" c 1 3
		mknod -m 0666 "$CONTROLLER_ROOT/dev/urandom" c 1 9
		cp "$KUBERNETES/bin/kube-controller-manager" "$CONTROLLER_ROOT/"
		cp "$kube/ca.crt" "$kube/tokens.key" "$CONTROLLER_ROOT/kube/"
		make_kubeconfig "$CONTROLLER_ROOT/kube/kubeconfig" controller-manager-token
		sed -i "s,$kube/,/kube/," "$CONTROLLER_ROOT/kube/kubeconfig"
	fi
	start_daemon kube-controller-manager chroot "$CONTROLLER_ROOT" /kube-controller-manager \
		--kubeconfig=/kube/kubeconfig --service-account-private-key-file=/kube/tokens.key \
		--root-ca-file=/kube/ca.crt --port=0 --secure-port=0 --leader-elect=false \
		--flex-volume-plugin-dir="$PLUGINS" --attach-detach-reconcile-sync-period=10s \
		--node-monitor-grace-period=5m --pvclaimbinder-sync-period=5s --kube-api-qps=100 --kube-api-burst=200 \
		--controllers='*,-ttl,-bootstrapsigner,-tokencleaner,-nodeipam,-cloud-node-lifecycle,-route,-service,-csrapproving,-csrcleaner,-csrsigning,-horizontalpodautoscaling,-cronjob,-clusterrole-aggregation,-podgc,-replicationcontroller,-resourcequota' \
		--v="$verbosity"
}
stop_controller_manager() {
	stop_daemon kube-controller-manager
}

# start_kubelet [-b ADDRESS PORT PLUGINS]: that of node-a, or of another node of this machine.
start_kubelet() {
	local name=node${1:--a} address=${2:-10.10.0.1} port=${3:-10250} plugins=${4:-$PLUGINS}
	make_kubeconfig "$kube/$name.kubeconfig" "$name-token"
	cat >"$kube/kubelet$1.yaml" <<-EOF
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		tlsCertFile: $kube/apiserver.crt
		tlsPrivateKeyFile: $kube/apiserver.key
		port: $port
		healthzPort: 0
		enableControllerAttachDetach: $controller_attaches
		cgroupDriver: cgroupfs
		cgroupsPerQOS: false
		enforceNodeAllocatable: []
		failSwapOn: false
		registryPullQPS: 0
		eventRecordQPS: 0
		kubeAPIQPS: 100
		kubeAPIBurst: 200
		volumeStatsAggPeriod: 10s
		syncFrequency: 10s
		nodeStatusUpdateFrequency: 10s
		resolvConf: ""
		evictionHard: {"memory.available": "10Mi"}
		volumePluginDir: $plugins
	EOF
	# A pod is gone when its containers are: without the limit they wait for a sweep that comes every minute. So
	# restartCount says nothing; container_of does.
	start_daemon "kubelet$1" kubelet --maximum-dead-containers-per-container=0 \
		--config="$kube/kubelet$1.yaml" --kubeconfig="$kube/$name.kubeconfig" \
		--hostname-override="$name" --node-ip="$address" --root-dir="/var/lib/kubelet$1" \
		--container-runtime=remote --container-runtime-endpoint="unix:///run/containerd$1/containerd.sock" \
		--housekeeping-interval=30s --v="$verbosity"
}
stop_kubelet() {
	stop_daemon "kubelet$1"
}

# node_is_ready [NODE]
node_is_ready() {
	[[ $(api GET "/api/v1/nodes/${1:-$node}" 2>/dev/null) == *'"type":"Ready","status":"True"'* ]]
}

# lib.sh's, less often: to ask costs the components that are waited for.
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}

start_cluster() {
	local images
	mountpoint -q /var/lib/cluster || mount_cluster_disk || return 1
	make_network
	"$SRC/tests/e2e/driver-calls" start /run/accounting || return 1
	mkdir -p "$PLUGINS"
	start_containerd || return 1
	import_image "$IMAGES/test.tar" &
	images=$!
	# No beta API but the one that the scheduler wants: all are listed again and again.
	start_apiserver --runtime-config=api/beta=false,policy/v1beta1=true --v="$verbosity" || return 1
	start_daemon relay systemd-socket-activate -l 10.96.0.1:443 \
		/lib/systemd/systemd-socket-proxyd "${APISERVER#https://}"
	start_controller_manager
	start_scheduler
	wait "$images" || return 1
	start_kubelet
	eventually 300 node_is_ready
}

# deploy_driver true|false [PLUGINS [MORE-JSON]]: the bundle's, which also runs where there is nothing else; it
# appears whole.
deploy_driver() {
	local plugins=${2:-$PLUGINS}
	local new=$plugins/.solodisk.new dir=$plugins/${DRIVER_DIR##*/}
	rm -rf "$new" "$dir"
	mkdir -p "$plugins"
	cp -a "$BUNDLE/driver" "$new"
	printf '{"attach": %s%s}\n' "$1" "${3:+, $3}" >"$new/.config.json"
	mv -T "$new" "$dir"
}

# set_mode true|false [true|false]
set_mode() {
	local attach=$1
	controller_attaches=${2:-true}
	stop_kubelet
	stop_controller_manager
	deploy_driver "$attach"
	start_controller_manager
	start_kubelet
	eventually 120 node_is_ready
}

# figure TEXT...: is shown with the others at the end of the run.
figure() {
	printf '%s\n' "$*" >>"$STATE/figures"
}

# driver_calls [PARENT]: number of calls since the boot, mean and longest milliseconds.
driver_calls() {
	"$SRC/tests/e2e/driver-calls" count /run/accounting "$@"
}

keep_logs() {
	local dir=$STATE/logs/$1
	mkdir -p "$dir"
	cp "$kube"/log/*.log "$HOST_KUBE"/log/*.log /run/syslog "$dir" 2>/dev/null
	kubectl get all,pv,pvc,sc,nodes,events,volumeattachments -A -o yaml >"$dir/objects.yaml" 2>&1
	kubectl get events -A --sort-by=.metadata.creationTimestamp >"$dir/events" 2>&1
	cp /proc/self/mountinfo "$dir/mountinfo"
	dmesg >"$dir/dmesg"
}
