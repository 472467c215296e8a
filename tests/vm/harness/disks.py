# SPDX-License-Identifier: GPL-2.0-or-later
"""Emulated disks: what --disk says, and how QEMU is told.

Each disk is a chain of QEMU block nodes, from the device down:

    top-NAME    throttle filter; its limits change while the guest runs, and its child can be
                exchanged for a blkdebug node that fails requests
    log-NAME    blklogwrites, only with log=FILE
    file-NAME   the sparse image
"""

import re
import stat
from pathlib import Path

from . import HarnessError

NO_UUID = "00000000-0000-0000-0000-000000000000"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_KEYS = {"name", "size", "serial", "lbs", "pbs", "ro", "log", "plugged", "image",
         "eui", "uuid", "wwn", "vendor", "product", "rotational"}
_ONLY = {"eui": "nvme", "uuid": "nvme", "wwn": "scsi", "vendor": "scsi", "product": "scsi",
         "rotational": "scsi"}


def parse_size(text):
    match = re.fullmatch(r"(\d+)([KMGT]?)", text)
    if not match:
        raise HarnessError(f"not a size: {text}")
    return int(match[1]) * _UNITS[match[2]]


def _flag(text):
    if text not in ("on", "off"):
        raise HarnessError(f"neither on nor off: {text}")
    return text == "on"


class Disk:
    """One disk of the guest. Its identity goes with it when it is put into another slot."""

    def __init__(self, text, number):
        words = text.split(",")
        options = dict(word.partition("=")[::2] for word in words[1:])
        self.type = words[0]
        if self.type not in ("nvme", "scsi", "virtio"):
            raise HarnessError(f"--disk {text}: the type is nvme, scsi or virtio")
        for key in options:
            if key not in _KEYS or _ONLY.get(key, self.type) != self.type:
                raise HarnessError(f"--disk {text}: {self.type} has no option {key}")
        # The number counts all disks, so that no default identity occurs twice.
        self.name = options.get("name", "")
        self.size = parse_size(options.get("size", "1G"))
        self.serial = options.get("serial", f"SOLO{number:04d}")
        self.logical = int(options.get("lbs", "512"))
        self.physical = int(options.get("pbs", self.logical))
        self.read_only = _flag(options.get("ro", "off"))
        self.plugged = _flag(options.get("plugged", "on"))
        self.log = options.get("log")
        self.image = Path(options["image"]).absolute() if "image" in options else None
        self.size_given = "size" in options
        self.eui = options.get("eui", f"{0x5254000000000100 + number:#x}")
        # Linux prefers a UUID to the EUI-64, so there is none unless asked for.
        self.uuid = options.get("uuid", NO_UUID)
        self.wwn = options.get("wwn", f"{0x5000c50000000100 + number:#x}")
        self.vendor = options.get("vendor", "SOLO")
        self.product = options.get("product", "DISK")
        self.rotational = _flag(options.get("rotational", "off"))
        self.slot = None  # where it is plugged: PCI slot number or SCSI target
        self.new_size = None  # from the next boot on

    @property
    def is_pci(self):
        return self.type != "scsi"

    @property
    def backing(self):
        """The node below the throttle filter."""
        return f"log-{self.name}" if self.log else f"file-{self.name}"

    def prepare(self, directory):
        """Makes the image, unless an earlier run with the same directory left one."""
        if self.image is None:
            self.image = directory / f"{self.name}.img"
        if self.image.exists():
            # Whatever is asked for, this program never opens a real disk.
            if not stat.S_ISREG(self.image.stat().st_mode):
                raise HarnessError(f"{self.image} is not a regular file")
            if not self.size_given:
                self.size = self.image.stat().st_size
        if not self.image.exists() or self.image.stat().st_size < self.size:
            self.resize_image(self.size)
        self.size = self.image.stat().st_size
        if self.log:
            self.log = Path(self.log) if "/" in self.log else directory / self.log
            if self.log.exists() and not self.log.is_file():
                raise HarnessError(f"{self.log} is not a regular file")
            self.log.write_bytes(b"")

    def resize_image(self, size):
        with open(self.image, "ab") as image:
            image.truncate(size)
        self.size = size

    def block_nodes(self):
        """The arguments of blockdev-add for this disk's chain, bottom first."""
        yield {"driver": "file", "node-name": f"file-{self.name}", "filename": str(self.image),
               "read-only": self.read_only, "discard": "unmap",
               # The host does not crash, so its page cache is as good as its disk.
               "cache": {"no-flush": True}}
        if self.log:
            yield {"driver": "file", "node-name": f"logfile-{self.name}",
                   "filename": str(self.log), "cache": {"no-flush": True}}
            yield {"driver": "blklogwrites", "node-name": f"log-{self.name}", "discard": "unmap",
                   "file": f"file-{self.name}", "log": f"logfile-{self.name}",
                   "log-sector-size": self.logical}
        yield self.top_node(self.backing)

    def top_node(self, child):
        return {"driver": "throttle", "node-name": f"top-{self.name}", "discard": "unmap",
                "read-only": self.read_only, "throttle-group": self.limits,
                "file": child}

    def fixed_devices(self):
        """What is there before the disk and stays when it is unplugged."""
        if self.is_pci:
            yield {"driver": "pcie-root-port", "id": f"port-{self.slot}", "chassis": self.slot,
                   "slot": self.slot, "bus": "pcie.0"}
        if self.type == "nvme":
            yield {"driver": "nvme-subsys", "id": f"subsys-{self.name}", "nqn": self.name}

    def device(self):
        """The arguments of device_add."""
        sectors = {"drive": f"top-{self.name}", "logical_block_size": self.logical,
                   "physical_block_size": self.physical}
        device = {"id": self.name, "serial": self.serial}
        if self.type == "nvme":
            return {"driver": "nvme", "bus": f"port-{self.slot}", **device,
                    "subsys": f"subsys-{self.name}"}
        if self.type == "virtio":
            return {"driver": "virtio-blk-pci", "bus": f"port-{self.slot}", **device, **sectors}
        device |= {"driver": "scsi-hd", "bus": "scsi.0", "scsi-id": self.slot,
                   "vendor": self.vendor, "product": self.product,
                   "rotation_rate": 7200 if self.rotational else 1}
        if self.wwn != "none":
            device["wwn"] = int(self.wwn, 0)
        return device | sectors

    def namespace(self):
        """An NVMe namespace. It belongs to the subsystem and outlives the controller."""
        device = {"driver": "nvme-ns", "bus": self.name, "nsid": 1, "uuid": self.uuid,
                  "drive": f"top-{self.name}", "logical_block_size": self.logical,
                  "physical_block_size": self.physical}
        if self.eui != "none":
            device["eui64"] = int(self.eui, 0)
        return device


def parse_disks(texts):
    """The disks in order, each with a name and a slot."""
    disks = [Disk(text, number) for number, text in enumerate(texts, 1)]
    counts = {"nvme": 0, "scsi": 0, "virtio": 0}
    for disk in disks:
        disk.name = disk.name or f"{disk.type}{counts[disk.type]}"
        counts[disk.type] += 1
        if not re.fullmatch(r"[a-z][a-z0-9]*", disk.name):
            raise HarnessError(f"bad disk name: {disk.name}")
    if len({disk.name for disk in disks}) != len(disks):
        raise HarnessError("two disks have one name")
    slots = {True: 0, False: 0}
    for disk in disks:
        slots[disk.is_pci] += 1
        disk.slot = slots[disk.is_pci]
    return disks
