# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's disk on which images are tried, and programs run on it."""

import contextlib
import fcntl
import os
import shutil
import subprocess

from gpt import Mark
from replay import MIB

_BLKDISCARD, _BLKRRPART, _BLKFLSBUF, _BLKROSET = 0x1277, 0x125F, 0x1261, 0x125D


class Wrong(Exception):
    """A promise was broken."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def run(*words, **options):
    """Exit status and all output."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    return done.returncode, done.stdout.decode(errors="replace").strip()


class Disk:
    """The disk on which images are tried."""

    def __init__(self, name, sector):
        self.name = name
        self.node = f"/dev/{name}"
        self.sector = sector
        with open(self.node, "rb") as disk:
            self.size = disk.seek(0, os.SEEK_END)

    @property
    def partition(self):
        return f"{self.node}{'p' if self.name[-1].isdigit() else ''}1"

    def restore(self, image):
        """As after a boot: nothing cached, the partition that the kernel finds, an empty /run."""
        disk = os.open(self.node, os.O_RDWR)
        try:
            fcntl.ioctl(disk, _BLKDISCARD, self.size.to_bytes(8, "little").rjust(16, b"\0"))
            for at, data in image.runs():
                while data:
                    done = os.pwrite(disk, data, at)
                    at, data = at + done, data[done:]
            os.fsync(disk)
            fcntl.ioctl(disk, _BLKFLSBUF, 0)
            fcntl.ioctl(disk, _BLKRRPART, 0)
        finally:
            os.close(disk)
        shutil.rmtree("/run/solodisk", ignore_errors=True)

    @contextlib.contextmanager
    def looked_at(self):
        """The volume's partition, read-only: also where the kernel sees none, since the primary is torn."""
        added = not os.path.exists(self.partition)
        if added:
            run("addpart", self.node, "1", str(MIB // 512), str((self.size - 2 * MIB) // 512))
        with open(self.partition, "rb") as partition:
            fcntl.ioctl(partition, _BLKROSET, (1).to_bytes(4, "little"))
            try:
                yield self.partition
            finally:
                fcntl.ioctl(partition, _BLKROSET, (0).to_bytes(4, "little"))
        if added:
            run("delpart", self.node, "1")

    def mark(self):
        disk = os.open(self.node, os.O_RDONLY)
        try:
            os.fsync(disk)
            fcntl.ioctl(disk, _BLKFLSBUF, 0)
            return Mark(lambda at, length: os.pread(disk, length, at), self.size, self.sector)
        finally:
            os.close(disk)

    def pieces(self):
        """All its bytes, 1 MiB at a time."""
        with open(self.node, "rb") as disk:
            while data := disk.read(MIB):
                yield data
