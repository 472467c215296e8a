# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script in the guest may ask for with the vm command; see ../README.md."""

import hashlib
import mmap
import os
import shutil
import tempfile
import time

from . import HarnessError
from .disks import parse_size

_CHUNK = 1 << 20
UNPLUG_TIMEOUT = 20  # seconds
_HANG = 1  # byte per second


class Controls:
    """Answers requests. Each method named do_REQUEST gets the words and returns the answer."""

    def __init__(self, guest):
        self.guest = guest
        self.machine = guest.machine
        self.qmp = guest.machine.qmp
        self._failing = {}  # disk name -> its blkdebug node
        self._count = 0

    def answer(self, line):
        """The line to send back, or None if there is nobody left to read it."""
        name, *words = line.split()
        method = getattr(self, f"do_{name.replace('-', '_')}", None)
        if method is None:
            return f"error no such request: {name}"
        try:
            result = method(*words)
        except HarnessError as error:
            return f"error {error}".replace("\n", " ")
        except (TypeError, ValueError) as error:
            return f"error {name}: bad arguments: {error}"
        return None if result is None else f"ok {result}".strip()

    def _disk(self, name):
        for disk in self.guest.disks:
            if disk.name == name:
                return disk
        raise HarnessError(f"no disk {name}")

    def do_exit(self, status):
        self.guest.exit_status = int(status)

    def do_place(self, name):
        disk = self._disk(name)
        return f"{'pci' if disk.is_pci else 'scsi'} {disk.slot}"

    def do_apiserver(self, *words):
        if not self.guest.apiserver:
            raise HarnessError("there is none without --apiserver")
        self.guest.apiserver.command(*words)
        return ""

    # Power

    def do_power_cut(self, delay="0"):
        if float(delay) > 0:
            self.guest.power_cut_at = time.monotonic() + float(delay)
            return ""
        self.guest.next_boot = True
        return None

    def do_reset(self):
        """As a power cut, but what the guest has sent to its disks is written first."""
        self.qmp.command("stop")
        self.guest.next_boot = True
        return None

    # Where a disk is

    def do_swap(self, one, other):
        first, second = self._disk(one), self._disk(other)
        if first.type != second.type:
            raise HarnessError("only two disks of one type can change places")
        first.slot, second.slot = second.slot, first.slot
        return ""

    def do_unplug(self, name):
        self.qmp.command("device_del", id=self._disk(name).name)
        return self.do_gone(name)

    def do_gone(self, name):
        """Waits until the device is unplugged."""
        disk = self._disk(name)
        if self.qmp.wait_event("DEVICE_DELETED", UNPLUG_TIMEOUT, device=name) is None:
            raise HarnessError(f"{name} is still plugged")
        disk.plugged = False
        return ""

    def do_plug(self, name):
        disk = self._disk(name)
        self.qmp.command("device_add", disk.device())
        disk.plugged = True
        return ""

    # How a disk behaves

    def do_grow(self, name, size):
        """At once, if the emulated disk can tell the guest; NVMe from the next boot on."""
        disk = self._disk(name)
        new_size = parse_size(size)
        if new_size < (disk.new_size or disk.size):
            raise HarnessError(f"{name} would shrink")
        if disk.type == "nvme":
            disk.new_size = new_size
            return ""
        self.qmp.command("block_resize", node_name=f"top-{name}", size=new_size)
        disk.size = new_size
        return ""

    def do_errors(self, name, switch, kind="all", *sectors):
        disk = self._disk(name)
        self._count += 1
        child = disk.backing
        if switch == "on":
            child = f"errors-{name}-{self._count}"
            # Not flushes, which have nothing to do when no write succeeds: ending it flushes, too.
            kinds = ["read", "write", "discard", "write-zeroes"]
            if kind not in (*kinds, "flush", "all"):
                raise HarnessError(f"no such kind of request: {kind}")
            rules = [{"event": "none", "iotype": k, "errno": 5, "once": False}
                     for k in (kinds if kind == "all" else [kind])]
            if sectors:
                rules = [{**rule, "sector": int(sector)} for rule in rules for sector in sectors]
            self.qmp.command("blockdev-add", driver="blkdebug", node_name=child,
                             image=disk.backing, discard="unmap", inject_error=rules)
        elif switch != "off":
            raise HarnessError("errors DISK on|off [KIND [SECTOR...]]")
        self._reopen(disk, child)
        previous = self._failing.pop(name, None)
        if previous:
            self.qmp.command("blockdev-del", node_name=previous)
        if switch == "on":
            self._failing[name] = child
        return ""

    def _reopen(self, disk, child):
        self.qmp.command("blockdev-reopen", options=[disk.top_node(child)])

    def do_throttle(self, name, bytes_per_second):
        """0 is no limit."""
        disk = self._disk(name)
        self._count += 1
        # A new group each time: one whose limits change while requests wait may never let any go.
        previous, disk.limits = disk.limits, f"limits-{name}-{self._count}"
        self.qmp.command("object-add", qom_type="throttle-group", id=disk.limits,
                         limits={"bps-total": int(bytes_per_second)})
        # Requests that wait under the old limit go on: a reopening drains the node.
        self._reopen(disk, self._failing.get(name, disk.backing))
        self.qmp.command("object-del", id=previous)
        return ""

    def do_hang(self, name, switch):
        """Reads and writes wait for ever: a byte a second, and the first second used up."""
        if switch == "off":
            return self.do_throttle(name, 0)
        # Stopped, so that no request of the guest's is the one that has the first second.
        self.qmp.command("stop")
        try:
            self.do_throttle(name, _HANG)
            self.qmp.command("human-monitor-command",
                             command_line=f'qemu-io top-{name} "read 0 1M"')
        finally:
            self.qmp.command("cont")
        return ""

    # Looking from outside

    def do_crc(self, *names):
        """For each disk, SHA-256 over the places and contents of all that is not zero."""
        disks = [self._disk(name) for name in names]
        self.qmp.command("stop")
        try:
            return " ".join(_digest(disk.image) for disk in disks)
        finally:
            self.qmp.command("cont")

    def do_log(self, name):
        """Copies the record of a disk's writes (log=) to $STATE/NAME.log; its bytes."""
        disk = self._disk(name)
        if not disk.log:
            raise HarnessError(f"{name} has no log")
        self.qmp.command("stop")  # requests under way are finished first
        try:
            copy = self.guest.console.parent / "guest" / "state" / f"{name}.log"
            shutil.copyfile(disk.log, copy)
        finally:
            self.qmp.command("cont")
        return str(copy.stat().st_size)

    def do_memory_has(self, *patterns):
        """How often each of these (in hexadecimal) is in the guest's memory."""
        with tempfile.NamedTemporaryFile(dir=self.guest.console.parent) as dump:
            self.qmp.command("dump-guest-memory", paging=False, protocol=f"file:{dump.name}")
            return _counts(dump.fileno(), patterns)

    def do_disk_has(self, name, *patterns):
        """How often each of these (in hexadecimal) is on the disk."""
        with open(self._disk(name).image, "rb") as image:
            return _counts(image.fileno(), patterns)


def _counts(fd, patterns):
    counts = []
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as data:
        for wanted in map(bytes.fromhex, patterns):
            count, at = 0, data.find(wanted)
            while at >= 0:
                count, at = count + 1, data.find(wanted, at + 1)
            counts.append(str(count))
    return " ".join(counts)


def _digest(path):
    digest = hashlib.sha256()
    zero = bytes(_CHUNK)
    with open(path, "rb", buffering=0) as image:
        end = os.fstat(image.fileno()).st_size
        digest.update(b"size %d\n" % end)
        at = 0
        while at < end:
            try:
                at = os.lseek(image.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                break
            at -= at % _CHUNK
            os.lseek(image.fileno(), at, os.SEEK_SET)
            data = image.read(_CHUNK)
            if data != zero[:len(data)]:
                digest.update(b"at %d\n" % at)
                digest.update(data)
            at += len(data)
    return digest.hexdigest()
