# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU process: its command line, its channels, its end."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from . import HarnessError, clock, kernel
from .qmp import Qmp

CHANNELS = ("control", "out", "err", "in")
# norandmaps: QEMU keeps what it translated of a program by the address at which that lies, so a fresh
# layout in every process is translated again: three times the price of starting a program.
COMMAND_LINE = ("panic=-1 oops=panic mitigations=off nokaslr norandmaps no_timer_check "
                "tsc=reliable cryptomgr.notests random.trust_cpu=on "
                "pci=assign-busses console=ttyS0")
KVM_RECHECK = 86400  # seconds


def find_qemu():
    path = shutil.which("qemu-system-x86_64")
    if not path:
        raise HarnessError("no qemu-system-x86_64: install qemu-system-x86")
    return path


class Machine:
    """A running guest. Every channel is a socket pair, so nothing has a name on the host."""

    def __init__(self, options, directory, disks):
        self.disks = disks
        self._inherited = []
        self.channels = {name: self._socket_pair() for name in CHANNELS}
        monitor = self._socket_pair()
        command = self._command(options, directory, monitor)
        with open(directory / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno() for _, theirs in self._inherited],
                stdin=None if options.shell else subprocess.DEVNULL,
                stdout=None if options.shell else log, stderr=log)
        for _, theirs in self._inherited:
            theirs.close()
        try:
            self.qmp = Qmp(monitor[0])
        except HarnessError as error:
            self.kill()
            said = (directory / "qemu.log").read_text(errors="replace").strip()
            raise HarnessError(f"QEMU did not start: {said}") from error
        self.channels = {name: pair[0] for name, pair in self.channels.items()}

    def _socket_pair(self):
        pair = socket.socketpair()
        self._inherited.append(pair)
        return pair

    def _command(self, options, directory, monitor):
        image = kernel.ensure_kernel()
        groups = ["base", "common", *sorted({disk.type for disk in self.disks})]
        if options.apiserver:
            groups.append("network")
        append = [COMMAND_LINE, f"vm.modules={','.join(groups)}", *options.append]
        if options.accelerator == "tcg":
            append.append(f"tsc_early_khz={clock.tsc_khz()}")
        if not options.verbose:
            append.append("quiet")
        command = [
            "setpriv", "--pdeathsig", "KILL", find_qemu(),
            "-nodefaults", "-no-user-config", "-display", "none", *network_arguments(options),
            "-name", "solodisk-vm", "-no-reboot",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny",
            "-machine", "q35,usb=off,smbus=off,sata=off,vmport=off,graphics=off",
            # PCI Express hotplug instead of ACPI's: only that can pull a disk unannounced.
            "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
            "-smp", str(options.cpus), "-m", str(options.memory),
            *accelerator_arguments(options.accelerator),
            "-kernel", str(image.image), "-initrd", str(kernel.ensure_initramfs(image)),
            "-append", " ".join(append),
            "-chardev", f"file,id=console,path={directory}/console.log,append=on",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=monitor,fd={monitor[1].fileno()}",
            "-mon", "chardev=monitor,mode=control",
            "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
            "-fsdev", f"local,id=host,path={directory}/guest,security_model=mapped-file",
            "-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
            "-device", "virtio-serial-pci",
        ]
        # The PVH entry needs no BIOS services, and qboot is the fastest that hands over.
        if image.is_elf:
            command += ["-bios", "qboot.rom"]
        for name, (_, theirs) in self.channels.items():
            command += ["-chardev", f"socket,id={name},fd={theirs.fileno()}",
                        "-device", f"virtserialport,chardev={name},name={name}"]
        if options.shell:
            command += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
        return command + self._disk_arguments()

    def _disk_arguments(self):
        words = []
        if any(disk.type == "scsi" for disk in self.disks):
            words += ["-device", "virtio-scsi-pci,id=scsi"]
        for disk in sorted(self.disks, key=lambda disk: disk.slot):
            disk.limits = f"limits-{disk.name}"
            words += ["-object", f"throttle-group,id={disk.limits}"]
            for node in disk.block_nodes():
                words += ["-blockdev", json.dumps(node)]
            devices = list(disk.fixed_devices())
            # A PCI disk that is to be absent is there at first: its namespace needs it.
            if disk.plugged or disk.is_pci:
                devices.append(disk.device())
            if disk.type == "nvme":
                devices.append(disk.namespace())
            for device in devices:
                words += ["-device", json.dumps(device)]
        return words

    def kill(self):
        """The power is cut: what QEMU has not written yet is lost."""
        self.process.kill()
        self.process.wait()
        for pair in self.channels.values():
            for end in pair if isinstance(pair, tuple) else (pair,):
                end.close()


def network_arguments(options):
    """None, or one to this machine's loopback addresses, which are 10.0.2.2 there."""
    if not options.apiserver:
        return ["-nic", "none"]
    return ["-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,romfile="]


def accelerator_arguments(accelerator):
    if accelerator == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]


def choose_accelerator(wanted):
    """kvm only if a trial shows that it works: /dev/kvm can be there and still abort."""
    if wanted != "auto":
        return wanted
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    verdict = kernel.cache_dir() / f"kvm-{boot}"
    if not verdict.exists() or time.time() - verdict.stat().st_mtime > KVM_RECHECK:
        for old in kernel.cache_dir().glob("kvm-*"):
            old.unlink(missing_ok=True)
        verdict.write_text("kvm" if _kvm_works() else "tcg", encoding="ascii")
    return verdict.read_text(encoding="ascii") or "tcg"


def _kvm_works():
    """Boots the kernel without an initramfs: it must get as far as to miss its root."""
    image = kernel.ensure_kernel()
    command = [find_qemu(), "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none",
               "-machine", "q35,usb=off,smbus=off,sata=off,graphics=off", "-m", "256", "-smp", "2",
               *accelerator_arguments("kvm"), "-no-reboot", "-serial", "stdio",
               "-kernel", str(image.image), "-append", f"{COMMAND_LINE} root=/dev/none"]
    if image.is_elf:
        command += ["-bios", "qboot.rom"]
    try:
        trial = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return False
    return trial.returncode == 0 and b"Unable to mount root fs" in trial.stdout
